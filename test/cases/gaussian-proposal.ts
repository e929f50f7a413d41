/** Cases of Gaussian proposals: one to many dimensions (triangles of every remainder), groups of 1 and more, narrow and wide. */
import { backward } from '../../src/graph/backward.ts';
import { gaussianProposal, proposalWidth } from '../../src/ops/gaussian-proposal.ts';
import { addGradients } from '../../src/ops/product.ts';
import * as twin from '../reference/gaussian-proposal.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  readonly n: number;
  readonly group: number;
  readonly r: number;
  /** What is added to log T_ii. */
  readonly log?: number;
}

const shapes: readonly Shape[] = [
  { n: 1, group: 1, r: 1 },
  { n: 3, group: 2, r: 2 },
  { n: 5, group: 7, r: 16 },
  { n: 2, group: 65, r: 33 },
  { n: 300, group: 8, r: 5 },
  { n: 2, group: 4, r: 128 },
  { n: 4, group: 9, r: 10, log: -8 },
  { n: 4, group: 9, r: 10, log: 8 },
];

function caseOf({ n, group, r, log = 0 }: Shape, seed: number): KernelCase {
  const { normal } = randomOf(seed);
  const width = proposalWidth(r);
  const diagonals = new Set(Array.from({ length: r }, (_, i) => r + (i * (i + 3)) / 2));
  const proposals = filled(n * width, (at) => (diagonals.has(at % width) ? log : 0) + 0.5 * normal());
  const noise = filled(n * group * r, () => normal());
  const dx = filled(n * group * r, () => normal());
  const dq = filled(n * group, () => normal());
  const sizes = { n, group, r };
  return {
    name: `${n}x${group}x${r}${log === 0 ? '' : `-log-${log}`}`,
    inputs: {
      proposals: { data: proposals, shape: [n, width] },
      noise: { data: noise, shape: [n * group, r] },
      dx: { data: dx, shape: [n * group, r] },
      dq: { data: dq, shape: [n * group] },
    },
    build: (graph, tensors) => {
      const { latents, logQ } = gaussianProposal(graph, tensors['proposals']!, tensors['noise']!);
      const seeds = [
        [latents, tensors['dx']!],
        [logQ, tensors['dq']!],
      ] as const;
      const [gradient] = backward(graph, seeds, [tensors['proposals']!], addGradients);
      return { latents, logQ, gradient: gradient! };
    },
    reference: (round) => ({
      ...twin.gaussianProposal(sizes, proposals, noise, round),
      gradient: twin.gaussianProposalGradient(sizes, proposals, noise, dx, dq, round),
    }),
    bench: log === 0,
  };
}

export const cases: readonly KernelCase[] = shapes.map((shape, i) => caseOf(shape, 2400 + i));
