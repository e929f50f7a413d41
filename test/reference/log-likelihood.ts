/**
 * Float64 twin of the streaming likelihood reduction: the running state of an observation y over its latents x_k, by its
 * definition (shaders/lib/likelihood_state.wgsl), maxima first and then the sums.
 *   l_k      l1 Σ|y − ŷ_k|    squared Σ(y − ŷ_k)²    half-squared ½Σ(y − ŷ_k)²
 *   ratio_k  log f_X(x_k) − log q(x_k), with f_X = N(0, I_r); 0 for latents from the prior
 *   s_k      ratio_k − l_k/λ
 *   t_k      s_k − (D₂(ŷ_k) − D₂(ŷ_1))/λ
 *   u_k      t_k − ½‖x_k‖²
 */
import type { LikelihoodCost } from '../../src/ops/log-likelihood.ts';
import type { Round } from '../support/case.ts';

/** A latent as an observation sees it. */
export interface Pair {
  readonly cost: number;
  readonly critic: number;
  /** ½‖x‖² */
  readonly halfNorm: number;
  readonly ratio: number;
}

/** A chunk of latents: one bank for all observations, or `perObservation` one for each after the other. */
export interface Chunk {
  /** Latents in a bank. */
  readonly size: number;
  /** Those that count. */
  readonly valid: number;
  readonly perObservation: boolean;
  readonly generated: ArrayLike<number>;
  readonly latents: ArrayLike<number>;
  /** Absent: all 0. */
  readonly critic?: ArrayLike<number>;
  /** Absent: the latents are the prior's. */
  readonly logQ?: ArrayLike<number>;
}

export interface Sizes {
  readonly d: number;
  readonly r: number;
}

/** All pairs of observation i with the latents of the chunks. */
export function pairsOf(
  observations: ArrayLike<number>,
  i: number,
  chunks: readonly Chunk[],
  { d, r }: Sizes,
  cost: LikelihoodCost,
  round: Round,
): Pair[] {
  const pairs: Pair[] = [];
  for (const { size, valid, perObservation, generated, latents, critic, logQ } of chunks) {
    for (let j = 0; j < valid; j++) {
      const at = (perObservation ? i * size : 0) + j;
      let total = 0;
      for (let p = 0; p < d; p++) {
        const e = round(observations[i * d + p]! - generated[at * d + p]!);
        total = round(total + (cost === 'l1' ? Math.abs(e) : round(e * e)));
      }
      let halfNorm = 0;
      for (let p = 0; p < r; p++) halfNorm = round(halfNorm + round(0.5 * latents[at * r + p]! ** 2));
      pairs.push({
        cost: cost === 'half-squared' ? 0.5 * total : total,
        critic: critic?.[at] ?? 0,
        halfNorm,
        ratio: logQ ? round(round(-halfNorm - 0.5 * r * Math.log(2 * Math.PI)) - logQ[at]!) : 0,
      });
    }
  }
  return pairs;
}

/** The maximum of a family of weights that is not kept. */
const LOWEST = -1e30;

/**
 * The 16 floats of one observation's state.
 * @param families of weights: 1 importance, 2 also surrogate, 3 also paper.
 */
export function stateOf(pairs: readonly Pair[], lambda: number, families: number, round: Round): number[] {
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
