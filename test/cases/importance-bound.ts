/**
 * Cases of the importance-weighted bound: one latent and many, groups of observations around a workgroup, triangles of every
 * remainder, weights that are even and weights that are all on one latent, sums that go on, simulated observations, a fault.
 */
import { SCALAR_INDEX } from '../../src/ops/entropic-objective.ts';
import { proposalWidth } from '../../src/ops/gaussian-proposal.ts';
import { IMPORTANCE_SCALARS, importanceBound } from '../../src/ops/importance-bound.ts';
import { gaussianProposal } from '../reference/gaussian-proposal.ts';
import * as twin from '../reference/importance-bound.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  readonly n: number;
  readonly group: number;
  readonly r: number;
  /** Standard deviation of the costs, in units of λ. */
  readonly spread?: number;
  /** Size of the costs, in units of λ. */
  readonly level?: number;
  readonly simulated?: number;
  readonly restart?: number;
  readonly fault?: number;
  readonly name?: string;
}

const LAMBDA = 0.3;

const shapes: readonly Shape[] = [
  { n: 1, group: 1, r: 1 },
  { n: 2, group: 3, r: 2, simulated: 1 },
  { n: 65, group: 8, r: 5, simulated: 16 },
  { n: 64, group: 5, r: 16, simulated: 64 },
  { n: 3, group: 130, r: 33 },
  { n: 2, group: 4, r: 128 },
  { n: 4100, group: 2, r: 3, simulated: 1025 },
  { n: 20, group: 8, r: 4, spread: 0, name: 'even' },
  { n: 20, group: 8, r: 4, spread: 300, level: 3000, name: 'one-takes-all' },
  { n: 70, group: 4, r: 3, restart: 0, simulated: 6, name: 'goes-on' },
  { n: 20, group: 4, r: 3, fault: 1, name: 'fault-up' },
];

function caseOf(shape: Shape, seed: number): KernelCase {
  const { n, group, r, spread = 2, level = 100, simulated = 0, restart = 1, fault = 0, name } = shape;
  const { normal } = randomOf(seed);
  const width = proposalWidth(r);
  const exactly = (x: number): number => x;
  const proposals = filled(n * width, (at) => (at % width < r ? normal() : (0.5 * normal()) / Math.sqrt(r)));
  const noise = filled(n * group * r, normal);
  const drawn = gaussianProposal({ n, group, r }, proposals, noise, exactly);
  const before = [3, 4, 5, 6];
  const scalars = filled(IMPORTANCE_SCALARS, (i) => before[i] ?? 7);
  const inputs = {
    cost: { data: filled(n * group, () => LAMBDA * (level + spread * normal())), shape: [n * group] },
    latents: { data: Float32Array.from(drawn.latents), shape: [n * group, r] },
    logQ: { data: Float32Array.from(drawn.logQ), shape: [n * group] },
    proposals: { data: proposals, shape: [n, width] },
    noise: { data: noise, shape: [n * group, r] },
    scalars: { data: scalars, shape: [IMPORTANCE_SCALARS] },
    guard: { data: Uint32Array.of(fault), shape: [1] },
  };
  return {
    name: name ?? `${n}x${group}x${r}`,
    inputs,
    build: (graph, tensors) =>
      importanceBound(graph, {
        ...(tensors as Record<keyof typeof inputs, (typeof tensors)[string]>),
        lambda: LAMBDA,
        simulated,
        restart,
      }),
    reference: (round) => {
      const bounds = {
        n,
        group,
        r,
        lambda: round(LAMBDA),
        cost: inputs.cost.data,
        latents: inputs.latents.data,
        logQ: inputs.logQ.data,
      };
      const { bound, ess } = twin.importanceBounds(bounds, round);
      const gradients = twin.importanceBoundGradients(bounds, proposals, noise, round);
      const means = [...twin.importanceMeans({ bound, ess }, simulated, round), 1];
      const sums = Array.from({ length: IMPORTANCE_SCALARS }, (_, i) =>
        i < 4 ? round((restart === 1 ? 0 : before[i]!) + means[i]!) : 0,
      );
      sums[SCALAR_INDEX.finite] = Number(fault === 0);
      return { bound, ess, gradCost: gradients.cost, gradLatents: gradients.latents, scalars: sums };
    },
    quantities: { scalars: Array.from({ length: IMPORTANCE_SCALARS }, (_, i) => `${i}`) },
    bench: name === undefined,
  };
}

export const cases: readonly KernelCase[] = shapes.map((shape, i) => caseOf(shape, 2600 + i));
