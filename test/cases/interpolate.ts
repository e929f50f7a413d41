/** Cases of the points between rows: counts around a workgroup's 64, shares of exactly 1 and near 0, values far apart. */
import { interpolate } from '../../src/ops/interpolate.ts';
import * as twin from '../reference/interpolate.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

function caseOf(rows: number, columns: number, scale: number, seed: number): KernelCase {
  const { uniform, normal } = randomOf(seed);
  const inputs = {
    a: { data: filled(rows * columns, () => scale * normal()), shape: [rows, columns] },
    b: { data: filled(rows * columns, normal), shape: [rows, columns] },
    epsilon: { data: filled(rows, (i) => [1, 2 ** -24][i] ?? uniform()), shape: [rows] },
  };
  return {
    name: `${rows}x${columns}${scale === 1 ? '' : '-scales-apart'}`,
    inputs,
    build: (graph, tensors) => ({
      out: interpolate(graph, tensors['a']!, tensors['b']!, tensors['epsilon']!),
    }),
    reference: (round) => ({
      out: twin.interpolate(inputs.a.data, inputs.b.data, inputs.epsilon.data, round),
    }),
    bench: scale === 1,
  };
}

export const cases: readonly KernelCase[] = [
  ...(
    [
      [1, 1],
      [1, 64],
      [63, 1],
      [5, 13],
      [128, 784],
    ] as const
  ).map(([rows, columns], i) => caseOf(rows, columns, 1, 2100 + i)),
  caseOf(20, 30, 1e6, 2120),
];
