/** Cases of a tensor of one value: counts around a workgroup's 64, values that float32 rounds, and the largest there is. */
import { fill } from '../../src/ops/fill.ts';
import * as twin from '../reference/fill.ts';
import type { KernelCase } from '../support/case.ts';

function caseOf(count: number, value: number): KernelCase {
  return {
    name: `${count}-of-${value}`,
    inputs: {},
    build: (graph) => ({ out: fill(graph, [count], value) }),
    reference: (round) => ({ out: twin.fill(count, value, round) }),
    bench: value === 1,
  };
}

export const cases: readonly KernelCase[] = [
  ...[1, 63, 64, 65, 300_000].map((count) => caseOf(count, 1)),
  caseOf(70, -0.1),
  caseOf(70, 2 ** 127),
];
