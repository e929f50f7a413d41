/** Cases of observations drawn from the noise: each cost; all rows, the last ones, one; odd counts; words at the ends of their range. */
import { LIKELIHOOD_COSTS, type LikelihoodCost } from '../../src/ops/log-likelihood.ts';
import { observationNoise } from '../../src/ops/observation-noise.ts';
import * as twin from '../reference/observation-noise.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  readonly rows: number;
  readonly drawn: number;
  readonly columns: number;
  readonly lambda?: number;
  readonly key?: readonly [number, number];
}

const MOST = 0xffffffff;
const shapes: readonly Shape[] = [
  { rows: 1, drawn: 1, columns: 1 },
  { rows: 5, drawn: 3, columns: 7, lambda: 1e-4 },
  { rows: 4, drawn: 1, columns: 129, key: [MOST, MOST] },
  { rows: 64, drawn: 16, columns: 784 },
];

const spreadOf = (cost: LikelihoodCost, lambda: number): number =>
  ({ l1: lambda, squared: Math.sqrt(lambda / 2), 'half-squared': Math.sqrt(lambda) })[cost];

function caseOf(shape: Shape, cost: LikelihoodCost, seed: number): KernelCase {
  const { rows, drawn, columns, lambda = 0.3, key = [1234, 3] } = shape;
  const { uniform } = randomOf(seed);
  const batch = filled(rows * columns, uniform);
  const generated = filled(drawn * columns, uniform);
  const counter = 17;
  return {
    name: `${cost}-${drawn}-of-${rows}x${columns}`,
    inputs: {
      batch: { data: batch, shape: [rows, columns] },
      generated: { data: generated, shape: [drawn, columns] },
    },
    build: (graph, tensors) => ({
      out: observationNoise(graph, tensors['batch']!, tensors['generated']!, { cost, lambda, key, counter }),
    }),
    reference: (round) => ({
      out: twin.observationNoise(
        batch,
        generated,
        { laplace: cost === 'l1', spread: round(spreadOf(cost, lambda)), key, counter },
        round,
      ),
    }),
  };
}

export const cases: readonly KernelCase[] = shapes.flatMap((shape, i) =>
  LIKELIHOOD_COSTS.map((cost, j) => caseOf(shape, cost, 2700 + 10 * i + j)),
);
