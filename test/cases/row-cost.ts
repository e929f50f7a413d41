/** Cases of the cost by rows: lengths around a row's 64 invocations, groups of 1 and more, all costs, ties, near samples. */
import { backward } from '../../src/graph/backward.ts';
import { addGradients } from '../../src/ops/product.ts';
import { LIKELIHOOD_COSTS, type LikelihoodCost } from '../../src/ops/log-likelihood.ts';
import { rowCost } from '../../src/ops/row-cost.ts';
import * as twin from '../reference/row-cost.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  readonly n: number;
  readonly group: number;
  readonly columns: number;
  /** How far the samples are from their observations; half of all entries are equal at 0. */
  readonly distance?: number;
}

const shapes: readonly Shape[] = [
  { n: 1, group: 1, columns: 1 },
  { n: 2, group: 3, columns: 63 },
  { n: 5, group: 1, columns: 64 },
  { n: 3, group: 4, columns: 65 },
  { n: 2, group: 2100, columns: 3 },
  { n: 16, group: 8, columns: 784 },
  { n: 3, group: 5, columns: 70, distance: 0 },
  { n: 3, group: 5, columns: 70, distance: 1e-4 },
];

function caseOf({ n, group, columns, distance = 1 }: Shape, cost: LikelihoodCost, seed: number): KernelCase {
  const { normal } = randomOf(seed);
  const rows = n * group;
  const observations = filled(n * columns, () => normal());
  const generated = filled(rows * columns, (i) => {
    const y = observations[Math.floor(i / columns / group) * columns + (i % columns)]!;
    return distance === 0 && i % 2 === 0 ? y : y + (distance || 1) * normal();
  });
  const upstream = filled(rows, () => normal());
  const sizes = { rows, columns, group, cost };
  return {
    name: `${cost}-${n}x${group}x${columns}${distance === 1 ? '' : `-distance-${distance}`}`,
    inputs: {
      observations: { data: observations, shape: [n, columns] },
      generated: { data: generated, shape: [rows, columns] },
      upstream: { data: upstream, shape: [rows] },
    },
    build: (graph, { observations: y, generated: g, upstream: up }) => {
      const out = rowCost(graph, y!, g!, cost);
      const [dg] = backward(graph, [[out, up!]], [g!], addGradients);
      return { out, dg: dg! };
    },
    reference: (round) => ({
      out: twin.rowCost(sizes, observations, generated, round),
      dg: twin.rowCostGradient(sizes, observations, generated, upstream, round),
    }),
    bench: distance === 1,
  };
}

export const cases: readonly KernelCase[] = shapes.flatMap((shape, i) =>
  LIKELIHOOD_COSTS.map((cost, j) => caseOf(shape, cost, 2300 + 3 * i + j)),
);
