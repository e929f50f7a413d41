/** Cases of the Wasserstein objective: counts around its 64 invocations, with and without a penalty, a fault that is up. */
import { wasserstein } from '../../src/ops/wasserstein.ts';
import * as twin from '../reference/wasserstein.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  readonly n: number;
  readonly m: number;
  /** Penalties; 0 for an objective without. */
  readonly k: number;
  readonly sign?: number;
  readonly fault?: number;
  /** Added to all of the critic's values, so that their difference cancels. */
  readonly offset?: number;
}

const WEIGHT = 10;
/** The scalars in the order of SCALAR_INDEX. */
const SCALARS = [
  'objective',
  'penalty',
  'meanP',
  'maxRowError',
  'maxColError',
  'meanPLogP',
  'transportCost',
  'clippedPairs',
  'meanCriticReal',
  'meanCriticFake',
  'finite',
] as const;

const shapes: readonly Shape[] = [
  { n: 1, m: 1, k: 0 },
  { n: 1, m: 1, k: 1 },
  { n: 63, m: 65, k: 64 },
  { n: 64, m: 64, k: 63 },
  { n: 65, m: 63, k: 0, sign: -1 },
  { n: 128, m: 128, k: 128, sign: -1 },
  { n: 4096, m: 4000, k: 4099 },
  { n: 70, m: 50, k: 70, offset: 1e5 },
  { n: 70, m: 50, k: 0, fault: 1 },
];

function caseOf(shape: Shape, seed: number): KernelCase {
  const { n, m, k, sign = 1, fault = 0, offset = 0 } = shape;
  const { normal } = randomOf(seed);
  const inputs = {
    criticReal: { data: filled(n, () => offset + 1 + normal()), shape: [n, 1] },
    criticFake: { data: filled(m, () => offset + normal()), shape: [m, 1] },
    guard: { data: Uint32Array.of(fault), shape: [1] },
  };
  const penalties = filled(k, () => normal() ** 2);
  return {
    name: `n${n}m${m}k${k}${sign < 0 ? '-descent' : ''}${offset ? '-cancel' : ''}${fault ? '-fault-up' : ''}`,
    inputs: { ...inputs, ...(k > 0 ? { penalties: { data: penalties, shape: [k] } } : {}) },
    build: (graph, tensors) => {
      const { criticReal, criticFake, guard } = tensors as Record<
        keyof typeof inputs,
        (typeof tensors)[string]
      >;
      const values = tensors['penalties'];
      return wasserstein(graph, {
        criticReal,
        criticFake,
        guard,
        sign,
        ...(values ? { penalty: { values, weight: WEIGHT } } : {}),
      });
    },
    reference: (round) => {
      const found = twin.wasserstein(
        inputs.criticReal.data,
        inputs.criticFake.data,
        penalties,
        WEIGHT,
        round,
      );
      const scalars = { ...NO_COUPLING, ...found, finite: Number(fault === 0) };
      return {
        scalars: SCALARS.map((name) => scalars[name]),
        gradCriticReal: found.gradCriticReal.map((x) => sign * x),
        gradCriticFake: found.gradCriticFake.map((x) => sign * x),
      };
    },
    quantities: { scalars: SCALARS },
    termsOf: ({ scalars }) => {
      const largest = Math.max(
        ...inputs.criticReal.data.map(Math.abs),
        ...inputs.criticFake.data.map(Math.abs),
      );
      return {
        'scalars.objective': 2 * largest + scalars![1]!,
        'scalars.meanCriticReal': largest,
        'scalars.meanCriticFake': largest,
      };
    },
    bench: offset === 0 && fault === 0,
  };
}

const NO_COUPLING = {
  meanP: 0,
  maxRowError: 0,
  maxColError: 0,
  meanPLogP: 0,
  transportCost: 0,
  clippedPairs: 0,
};

export const cases: readonly KernelCase[] = shapes.map((shape, i) => caseOf(shape, 2000 + i));
