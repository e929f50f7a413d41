/**
 * Cases of the entropic objective: every cost and form; shapes around the tiles of its kernels (32 × 32 pairs, 64 × 16 in
 * the gradient, 4 values of d; on GPUs 16 × 16, 32 × 32 and 64 × 64 pairs, the larger ones where there are many), more than
 * one tile in a block, more than one dispatch; exponents of ±500 and ties.
 */
import {
  OBJECTIVE_COSTS,
  OBJECTIVE_FORMS,
  type ObjectiveCost,
  type ObjectiveForm,
  entropicObjective,
  entropicObjectiveGradient,
} from '../../src/ops/entropic-objective.ts';
import * as twin from '../reference/entropic-objective.ts';
import { normaliseRows } from '../reference/normalise-rows.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  readonly name?: string;
  readonly n: number;
  readonly m: number;
  readonly d: number;
  readonly cost: ObjectiveCost;
  readonly form: ObjectiveForm;
  readonly lambda?: number;
  /** Spread of the critics, in units of λ. */
  readonly critics?: number;
  /** The batch holds each of n/repeat and m/repeat different samples this often; the twin takes the different ones only. */
  readonly repeat?: number;
  /** Values of the samples are multiples of a quarter, so that many are equal. */
  readonly ties?: boolean;
  /** The optimisers' fault word, where it is given; the scale of the loss, which is next to it then. */
  readonly fault?: number;
  readonly lossScale?: number;
  readonly bench?: boolean;
  readonly hardwareOnly?: boolean;
}

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

const every = OBJECTIVE_COSTS.flatMap((cost) => OBJECTIVE_FORMS.map((form) => ({ cost, form })));

const shapes: readonly Shape[] = [
  ...every.filter(({ cost }) => cost !== 'cosine').map((choice) => ({ n: 37, m: 23, d: 18, ...choice })),
  { n: 1, m: 1, d: 1, cost: 'squared', form: 'exp' },
  { n: 1, m: 40, d: 3, cost: 'l1', form: 'logmeanexp' },
  { n: 40, m: 1, d: 4, cost: 'half-squared', form: 'hinge' },
  { n: 31, m: 15, d: 3, cost: 'half-squared', form: 'logmeanexp' },
  { n: 32, m: 16, d: 4, cost: 'l1', form: 'exp' },
  { n: 33, m: 17, d: 5, cost: 'squared', form: 'hinge' },
  { n: 63, m: 31, d: 7, cost: 'half-squared', form: 'exp' },
  { n: 64, m: 32, d: 8, cost: 'squared', form: 'logmeanexp' },
  { n: 65, m: 33, d: 9, cost: 'l1', form: 'hinge' },
  { n: 64, m: 64, d: 784, cost: 'half-squared', form: 'logmeanexp' },
  { n: 128, m: 128, d: 784, cost: 'l1', form: 'exp' },
  {
    name: 'several-tiles-a-block',
    n: 1050,
    m: 5505,
    d: 2,
    cost: 'l1',
    form: 'exp',
    repeat: 15,
    bench: false,
  },
  {
    name: 'several-dispatches',
    n: 2080,
    m: 600,
    d: 100,
    cost: 'half-squared',
    form: 'logmeanexp',
    repeat: 20,
    bench: false,
  },
  { n: 400, m: 330, d: 33, cost: 'half-squared', form: 'logmeanexp', repeat: 10, bench: false },
  { name: 'no-fault', n: 9, m: 8, d: 5, cost: 'l1', form: 'logmeanexp', fault: 0, bench: false },
  { name: 'fault-up', n: 9, m: 8, d: 5, cost: 'l1', form: 'logmeanexp', fault: 1, bench: false },
  {
    name: 'scaled',
    n: 9,
    m: 18,
    d: 5,
    cost: 'half-squared',
    form: 'logmeanexp',
    fault: 0,
    lossScale: 4096,
    bench: false,
  },
  { name: 'ties', n: 40, m: 40, d: 30, cost: 'l1', form: 'exp', ties: true, bench: false },
  {
    name: 'spread',
    n: 40,
    m: 33,
    d: 6,
    cost: 'half-squared',
    form: 'logmeanexp',
    critics: 300,
    bench: false,
  },
  { name: 'clipped', n: 40, m: 33, d: 6, cost: 'half-squared', form: 'exp', critics: 20, bench: false },
  { n: 1020, m: 2040, d: 41, cost: 'half-squared', form: 'exp', repeat: 20, bench: false },
  { n: 4096, m: 4096, d: 64, cost: 'half-squared', form: 'exp', repeat: 16, hardwareOnly: true },
  ...every.filter(({ cost }) => cost === 'cosine').map((choice) => ({ n: 37, m: 23, d: 18, ...choice })),
  { n: 1, m: 1, d: 1, cost: 'cosine', form: 'exp' },
  { n: 65, m: 33, d: 9, cost: 'cosine', form: 'hinge' },
  { n: 64, m: 64, d: 784, cost: 'cosine', form: 'logmeanexp', lambda: 2 },
];

function caseOf(shape: Shape, seed: number): KernelCase {
  const { n, m, d, cost, form, critics = 1, ties = false, repeat = 1, fault, lossScale } = shape;
  const scale = lossScale ?? 1;
  const lambda = shape.lambda ?? (cost === 'l1' ? 0.25 : 0.125) * d;
  const { uniform, normal } = randomOf(seed);
  const value = ties ? () => Math.floor(uniform() * 5) / 4 : uniform;
  const samples = (count: number): Float32Array<ArrayBuffer> => {
    const rows = filled(count * d, value);
    return cost === 'cosine' ? Float32Array.from(normaliseRows(count, d, rows, Math.fround).unit) : rows;
  };
  const inputs = {
    real: { data: tiled(samples(n / repeat), repeat), shape: [n, d] },
    fake: { data: tiled(samples(m / repeat), repeat), shape: [m, d] },
    // Offset so that the hinge has pairs on both sides of 0.
    criticReal: {
      data: tiled(
        filled(n / repeat, () => lambda * (1 + critics * normal())),
        repeat,
      ),
      shape: [n, 1],
    },
    criticFake: {
      data: tiled(
        filled(m / repeat, () => lambda * critics * normal()),
        repeat,
      ),
      shape: [m, 1],
    },
  };
  const guard =
    fault === undefined
      ? undefined
      : Uint32Array.of(fault, ...new Uint32Array(Float32Array.of(scale).buffer));
  return {
    name: `${shape.name ? `${shape.name}-` : ''}${cost}-${form}-n${n}m${m}d${d}`,
    inputs: { ...inputs, ...(guard ? { guard: { data: guard, shape: [guard.length] } } : {}) },
    build: (graph, tensors) => {
      const { real, fake, criticReal, criticFake } = tensors as Record<
        keyof typeof inputs,
        (typeof tensors)[string]
      >;
      const pairs = { real, fake, criticReal, criticFake, cost, form, lambda };
      const objective = entropicObjective(graph, {
        ...pairs,
        sign: 1,
        ...(guard ? { guard: tensors['guard']! } : {}),
        ...(lossScale === undefined ? {} : { lossScaleAt: 1 }),
      });
      const gradFake = entropicObjectiveGradient(graph, { ...pairs, scalars: objective.scalars });
      return { ...objective, gradFake };
    },
    reference: (round) => {
      const pairs: twin.Pairs = {
        n: n / repeat,
        m: m / repeat,
        d,
        cost,
        form,
        lambda,
        real: inputs.real.data,
        fake: inputs.fake.data,
        criticReal: inputs.criticReal.data,
        criticFake: inputs.criticFake.data,
      };
      const objective = twin.entropicObjective(pairs, round);
      return {
        scalars: SCALARS.map((name) => (name === 'finite' ? Number(!fault) : objective[name])),
        gradCriticReal: shared(objective.gradCriticReal, repeat, scale),
        gradCriticFake: shared(objective.gradCriticFake, repeat, scale),
        gradFake: shared(twin.entropicObjectiveGradient(pairs, objective.p, round), repeat, scale),
      };
    },
    quantities: { scalars: SCALARS },
    termsOf: ({ scalars }) => {
      const at = (name: (typeof SCALARS)[number]): number => Math.abs(scalars![SCALARS.indexOf(name)]!);
      // An exponent of the cosine cost is the difference of terms of 100/λ.
      const spread = cost === 'cosine' ? 100 / lambda : 1;
      const critics = [inputs.criticReal.data, inputs.criticFake.data].map(largest) as [number, number];
      return {
        'scalars.objective': at('penalty') + critics[0] + critics[1],
        'scalars.meanCriticReal': critics[0],
        'scalars.meanCriticFake': critics[1],
        'scalars.maxRowError': (1 + at('maxRowError')) * spread,
        'scalars.maxColError': (1 + at('maxColError')) * spread,
        'scalars.meanPLogP': at('meanP'),
      };
    },
    ...(shape.bench === undefined ? {} : { bench: shape.bench }),
    ...(shape.hardwareOnly ? { hardwareOnly: true } : {}),
  };
}

/** `repeat` copies, one after the other. */
function tiled(values: Float32Array, repeat: number): Float32Array<ArrayBuffer> {
  return filled(values.length * repeat, (i) => values[i % values.length]!);
}

function largest(values: Float32Array): number {
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Copies among which a gradient is shared out, times a scale. */
function shared(gradient: Float64Array, repeat: number, scale: number): Float64Array {
  return Float64Array.from(
    { length: gradient.length * repeat },
    (_, i) => (scale * gradient[i % gradient.length]!) / repeat,
  );
}

export const cases: readonly KernelCase[] = shapes.map((shape, i) => caseOf(shape, 500 + i));
