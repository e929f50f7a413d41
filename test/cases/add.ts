/** Cases of the sum: counts around a workgroup's, and its gradient, the same for both. */
import { backward } from '../../src/graph/backward.ts';
import { add } from '../../src/ops/add.ts';
import * as twin from '../reference/add.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

function caseOf(count: number, scale: number, seed: number): KernelCase {
  const { normal } = randomOf(seed);
  const inputs = {
    a: { data: filled(count, () => scale * normal()), shape: [count] },
    b: { data: filled(count, normal), shape: [count] },
  };
  return {
    name: scale === 1 ? `${count}` : `${count}-scales-apart`,
    inputs,
    build: (graph, tensors) => ({ out: add(graph, tensors['a']!, tensors['b']!) }),
    reference: (round) => ({ out: twin.add(inputs.a.data, inputs.b.data, round) }),
  };
}

/** d/d(a) and d/d(b) of Σ g ⊙ ((a + b) + a). */
const gradients: KernelCase = (() => {
  const { normal } = randomOf(41);
  const tensor = () => ({ data: filled(100, normal), shape: [100] });
  const inputs = { a: tensor(), b: tensor(), g: tensor() };
  return {
    name: 'gradients',
    inputs,
    build: (graph, tensors) => {
      const { a, b, g } = tensors as Record<keyof typeof inputs, (typeof tensors)[string]>;
      const [da] = backward(graph, [[add(graph, add(graph, a, b), a), g]], [a, b], add);
      return { da: da! };
    },
    reference: (round) => ({ da: twin.add(inputs.g.data, inputs.g.data, round) }),
    bench: false,
  };
})();

export const cases: readonly KernelCase[] = [
  ...[1, 63, 64, 65, 255, 256, 257, 100_003].map((count, i) => caseOf(count, 1, 40 + i)),
  caseOf(1000, 1e8, 60),
  gradients,
];
