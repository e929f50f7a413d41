/** Cases of the streaming likelihood reduction: every kernel variant by shape, partial and several chunks, adversarial critics. */
import type { HostTensor } from '../../src/graph/evaluate.ts';
import { type LikelihoodCost, STATE_FLOATS, likelihoodAccumulate } from '../../src/ops/log-likelihood.ts';
import { pairsOf, stateOf } from '../reference/log-likelihood.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  readonly name: string;
  readonly n: number;
  readonly k: number;
  readonly d: number;
  readonly r: number;
  readonly cost?: LikelihoodCost;
  readonly lambda?: number;
  /** Latents that count, at most k. */
  readonly valid?: number;
  /** Latents are taken in chunks of this many, the state carried from one to the next. */
  readonly chunk?: number;
  readonly bank?: 'shared' | 'per-observation';
  readonly critic?: 'random' | 'offset' | 'adversarial' | 'none';
  readonly proposals?: 'prior' | 'given';
  readonly bench?: boolean;
  readonly hardwareOnly?: boolean;
}

const shapes: readonly Shape[] = [
  { name: 'one-of-each', n: 1, k: 1, d: 1, r: 1 },
  { name: 'row-odd', n: 3, k: 257, d: 7, r: 3, cost: 'l1' },
  { name: 'row-sliced', n: 1, k: 1030, d: 20, r: 8 },
  { name: 'row-per-observation', n: 5, k: 70, d: 9, r: 4, bank: 'per-observation', proposals: 'given' },
  { name: 'tile-below', n: 63, k: 63, d: 15, r: 5, cost: 'squared' },
  { name: 'tile-exact', n: 64, k: 64, d: 16, r: 5 },
  { name: 'tile-above', n: 65, k: 65, d: 17, r: 5, cost: 'l1' },
  { name: 'tile-lanes-of-four', n: 70, k: 131, d: 20, r: 5 },
  { name: 'tile-lanes-of-four-l1', n: 9, k: 300, d: 24, r: 5, cost: 'l1' },
  { name: 'partial-chunk', n: 66, k: 128, d: 12, r: 4, valid: 70 },
  { name: 'three-chunks', n: 20, k: 192, d: 12, r: 4, chunk: 64 },
  { name: 'three-chunks-per-observation', n: 2, k: 192, d: 5, r: 4, chunk: 64, bank: 'per-observation' },
  { name: 'proposals', n: 12, k: 100, d: 8, r: 6, proposals: 'given' },
  { name: 'no-critic', n: 12, k: 100, d: 8, r: 6, critic: 'none' },
  { name: 'critic-offset', n: 12, k: 100, d: 8, r: 6, critic: 'offset', chunk: 50, bench: false },
  { name: 'critic-adversarial', n: 12, k: 100, d: 8, r: 6, critic: 'adversarial', chunk: 50, bench: false },
  { name: 'collapsed', n: 10, k: 100, d: 12, r: 6, lambda: 0.0625, bench: false },
  { name: 'images', n: 128, k: 128, d: 784, r: 64 },
  { name: 'images-l1', n: 128, k: 128, d: 784, r: 64, cost: 'l1' },
  { name: 'images-one', n: 1, k: 512, d: 784, r: 64 },
  { name: 'images-large', n: 1000, k: 4096, d: 784, r: 64, hardwareOnly: true },
];

function caseOf(shape: Shape, seed: number): KernelCase {
  const { n, k, d, r, cost = 'half-squared', lambda = 0.75, valid = k, chunk = k } = shape;
  const { bank = 'shared', critic = 'random', proposals = 'prior' } = shape;
  const banks = bank === 'shared' ? 1 : n;
  const { uniform, normal } = randomOf(seed);
  const chunks = Math.ceil(k / chunk);
  const leading = bank === 'shared' ? [chunk] : [n, chunk];
  const criticOf = {
    random: () => lambda * normal(),
    offset: () => 300 + lambda * normal(),
    adversarial: (i: number) => (i % 3 === 0 ? 500 : -500) * lambda,
    none: () => 0,
  }[critic];

  const observations = filled(n * d, uniform);
  const inputs: Record<string, HostTensor> = {
    observations: { data: observations, shape: [n, d] },
    state: { data: filled(n * STATE_FLOATS, () => 7), shape: [n, STATE_FLOATS] },
  };
  const each = Array.from({ length: chunks }, (_, c) => {
    const count = banks * chunk;
    const values = {
      generated: { data: filled(count * d, uniform), shape: [...leading, d] },
      latents: { data: filled(count * r, normal), shape: [...leading, r] },
      critic: { data: filled(count, criticOf), shape: leading },
      logQ: { data: filled(count, () => -r + normal()), shape: leading },
    };
    for (const [name, tensor] of Object.entries(values)) inputs[`${name}${c}`] = tensor;
    return values;
  });
  const countOf = (c: number): number => Math.min(chunk, valid - c * chunk);

  return {
    name: shape.name,
    inputs,
    build: (graph, tensors) => {
      const tensor = (name: string) => tensors[name]!;
      let state = tensor('state');
      for (let c = 0; c < chunks; c++) {
        state = likelihoodAccumulate(graph, {
          observations: tensor('observations'),
          generated: tensor(`generated${c}`),
          latents: tensor(`latents${c}`),
          ...(critic === 'none' ? {} : { critic: tensor(`critic${c}`) }),
          ...(proposals === 'given' ? { logQ: tensor(`logQ${c}`) } : {}),
          state,
          cost,
          lambda,
          validCount: countOf(c),
          first: Number(c === 0),
        }).state;
      }
      return { state };
    },
    reference: (round) => {
      const banksOf = each.map(({ generated, latents, critic: critics, logQ }, c) => ({
        size: chunk,
        valid: countOf(c),
        perObservation: bank === 'per-observation',
        generated: generated.data,
        latents: latents.data,
        ...(critic === 'none' ? {} : { critic: critics.data }),
        ...(proposals === 'given' ? { logQ: logQ.data } : {}),
      }));
      const families = critic === 'none' ? 1 : proposals === 'given' ? 2 : 3;
      return {
        state: Array.from({ length: n }, (_, i) =>
          stateOf(pairsOf(observations, i, banksOf, { d, r }, cost, round), lambda, families, round),
        ).flat(),
      };
    },
    quantities: { state: STATE },
    ...(shape.bench === undefined ? {} : { bench: shape.bench }),
    ...(shape.hardwareOnly === undefined ? {} : { hardwareOnly: shape.hardwareOnly }),
  };
}

/** What a state holds, as laid out in shaders/lib/likelihood_state.wgsl. */
const STATE = [
  'max s',
  'Σeˢ',
  'Σe²ˢ',
  'reference',
  'max t',
  'Σeᵗ',
  'Σe²ᵗ',
  'Σeᵗ(t − max)',
  'Σeᵗl',
  'Σeᵗ½‖x‖²',
  'Σeᵗ·ratio',
  'unused',
  'max u',
  'Σeᵘ',
  'Σeᵘ(u − max)',
  'Σeᵘ·energy',
];

export const cases: readonly KernelCase[] = shapes.map(caseOf);
