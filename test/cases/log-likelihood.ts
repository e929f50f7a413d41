/** Cases of the streaming likelihood reduction: every kernel variant by shape, partial and several chunks, adversarial critics. */
import type { HostTensor } from '../../src/graph/evaluate.ts';
import { type LikelihoodCost, STATE_FLOATS, likelihoodAccumulate } from '../../src/ops/log-likelihood.ts';
import type { KernelCase, Round } from '../support/case.ts';

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

/** Uniform in [0, 1), the same for the same seed (mulberry32). */
function uniforms(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function filled(count: number, value: (index: number) => number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, index) => value(index));
}

function caseOf(shape: Shape, seed: number): KernelCase {
  const { n, k, d, r, cost = 'half-squared', lambda = 0.75, valid = k, chunk = k } = shape;
  const { bank = 'shared', critic = 'random', proposals = 'prior' } = shape;
  const banks = bank === 'shared' ? 1 : n;
  const random = uniforms(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const chunks = Math.ceil(k / chunk);
  const leading = bank === 'shared' ? [chunk] : [n, chunk];
  const criticOf = {
    random: () => lambda * normal(),
    offset: () => 300 + lambda * normal(),
    adversarial: (i: number) => (i % 3 === 0 ? 500 : -500) * lambda,
    none: () => 0,
  }[critic];

  const observations = filled(n * d, random);
  const inputs: Record<string, HostTensor> = {
    observations: { data: observations, shape: [n, d] },
    state: { data: filled(n * STATE_FLOATS, () => 7), shape: [n, STATE_FLOATS] },
  };
  const each = Array.from({ length: chunks }, (_, c) => {
    const count = banks * chunk;
    const values = {
      generated: { data: filled(count * d, random), shape: [...leading, d] },
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
      const pairs: Pair[][] = Array.from({ length: n }, () => []);
      each.forEach(({ generated, latents, critic: critics, logQ }, c) => {
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < countOf(c); j++) {
            const at = (bank === 'shared' ? 0 : i * chunk) + j;
            let total = 0;
            for (let p = 0; p < d; p++) {
              const e = round(observations[i * d + p]! - generated.data[at * d + p]!);
              total = round(total + (cost === 'l1' ? Math.abs(e) : round(e * e)));
            }
            let halfNorm = 0;
            for (let p = 0; p < r; p++)
              halfNorm = round(halfNorm + round(0.5 * latents.data[at * r + p]! ** 2));
            pairs[i]!.push({
              cost: cost === 'half-squared' ? 0.5 * total : total,
              critic: critic === 'none' ? 0 : critics.data[at]!,
              halfNorm,
              ratio:
                proposals === 'given'
                  ? round(round(-halfNorm - 0.5 * r * Math.log(2 * Math.PI)) - logQ.data[at]!)
                  : 0,
            });
          }
        }
      });
      const families = critic === 'none' ? 1 : proposals === 'given' ? 2 : 3;
      return { state: pairs.flatMap((row) => stateOf(row, lambda, families, round)) };
    },
    ...(shape.bench === undefined ? {} : { bench: shape.bench }),
    ...(shape.hardwareOnly === undefined ? {} : { hardwareOnly: shape.hardwareOnly }),
  };
}

interface Pair {
  readonly cost: number;
  readonly critic: number;
  readonly halfNorm: number;
  readonly ratio: number;
}

const LOWEST = -1e30;

/** The running state of one observation by its definition (shaders/lib/likelihood_state.wgsl): maxima first, then sums. */
function stateOf(pairs: readonly Pair[], lambda: number, families: number, round: Round): number[] {
  const reference = pairs[0]!.critic;
  const sum = (terms: readonly number[]): number =>
    terms.reduce((total, term) => round(total + round(term)), 0);
  const dot = (e: readonly number[], values: readonly number[]): number =>
    sum(e.map((x, i) => x * values[i]!));
  const weigh = (exponents: readonly number[]): { max: number; e: number[]; below: number[] } => {
    const max = exponents.reduce((a, b) => Math.max(a, b));
    const below = exponents.map((x) => round(x - max));
    return { max, below, e: below.map((x) => (x > -87 ? round(Math.exp(x)) : 0)) };
  };
  const s = pairs.map((p) => round(p.ratio - round(p.cost / lambda)));
  const shift = pairs.map((p) => round(round(p.critic - reference) / lambda));
  const forS = weigh(s);
  const state = [forS.max, sum(forS.e), dot(forS.e, forS.e), reference];
  if (families < 2) state.push(LOWEST, 0, 0, 0, 0, 0, 0, 0);
  else {
    const { max, e, below } = weigh(s.map((x, i) => round(x - shift[i]!)));
    const weighted = (part: 'cost' | 'halfNorm' | 'ratio'): number =>
      dot(
        e,
        pairs.map((p) => p[part]),
      );
    state.push(max, sum(e), dot(e, e), dot(e, below));
    state.push(weighted('cost'), weighted('halfNorm'), weighted('ratio'), 0);
  }
  if (families < 3) state.push(LOWEST, 0, 0, 0);
  else {
    const energy = pairs.map((p) => round(p.halfNorm + round(p.cost / lambda)));
    const { max, e, below } = weigh(energy.map((x, i) => round(-x - shift[i]!)));
    state.push(max, sum(e), dot(e, below), dot(e, energy));
  }
  return state;
}

export const cases: readonly KernelCase[] = shapes.map(caseOf);
