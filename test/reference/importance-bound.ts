/**
 * Float64 twin of the importance-weighted bounds and of the doubly reparameterised gradients of −mean bound:
 *   s_k = −l_k/λ − ½‖x_k‖² − (r/2) log 2π − log q_k      w = softmax s      bound = log mean exp s      ess = 1/Σ w²
 *   d l_k = w_k²/(λ n)      d x_k = (w_k²/n)·(x_k − T⁻ᵀ ε_k)
 * A proposal is μ, then the rows of T up to the diagonal, which holds log T_ii.
 */
import type { Round } from '../support/case.ts';

export interface Bounds {
  readonly n: number;
  readonly group: number;
  readonly r: number;
  readonly lambda: number;
  readonly cost: ArrayLike<number>;
  /** [n·group, r]. */
  readonly latents: ArrayLike<number>;
  readonly logQ: ArrayLike<number>;
}

/** s_k, [n·group]. */
export function logWeights({ n, group, r, lambda, cost, latents, logQ }: Bounds, round: Round): Float64Array {
  return Float64Array.from({ length: n * group }, (_, row) => {
    let norm = 0;
    for (let c = 0; c < r; c++) {
      const x = latents[row * r + c]!;
      norm = round(norm + round(x * x));
    }
    const latent = round(round(0.5 * norm) + round(r * round(0.5 * Math.log(2 * Math.PI))));
    return round(round(round(-cost[row]! / lambda) - latent) - logQ[row]!);
  });
}

export interface BoundsFound {
  readonly bound: Float64Array;
  readonly ess: Float64Array;
  /** w, [n·group]. */
  readonly weights: Float64Array;
}

export function importanceBounds(bounds: Bounds, round: Round): BoundsFound {
  const { n, group } = bounds;
  const s = logWeights(bounds, round);
  const bound = new Float64Array(n);
  const ess = new Float64Array(n);
  const weights = new Float64Array(n * group);
  for (let i = 0; i < n; i++) {
    const mine = s.subarray(i * group, (i + 1) * group);
    const top = Math.max(...mine);
    const exps = mine.map((x) => round(Math.exp(round(x - top))));
    const sum = exps.reduce((a, b) => round(a + b), 0);
    bound[i] = round(top + round(Math.log(round(sum / group))));
    const w = exps.map((x) => round(x / sum));
    weights.set(w, i * group);
    ess[i] = round(1 / w.reduce((a, b) => round(a + round(b * b)), 0));
  }
  return { bound, ess, weights };
}

export function importanceBoundGradients(
  bounds: Bounds,
  proposals: ArrayLike<number>,
  noise: ArrayLike<number>,
  round: Round,
): { cost: Float64Array; latents: Float64Array } {
  const { n, group, r, lambda, latents } = bounds;
  const { weights } = importanceBounds(bounds, round);
  const cost = weights.map((w) => round(round(w * w) / round(lambda * n)));
  const out = new Float64Array(n * group * r);
  for (let row = 0; row < n * group; row++) {
    const factor = Math.floor(row / group) * (r + (r * (r + 1)) / 2) + r;
    const z = new Float64Array(r);
    for (let i = r - 1; i >= 0; i--) {
      let sum = noise[row * r + i]!;
      for (let j = i + 1; j < r; j++)
        sum = round(sum - round(proposals[factor + (j * (j + 1)) / 2 + i]! * z[j]!));
      z[i] = round(sum * round(Math.exp(-proposals[factor + (i * (i + 3)) / 2]!)));
    }
    const weight = round(lambda * cost[row]!);
    for (let i = 0; i < r; i++) out[row * r + i] = round(weight * round(latents[row * r + i]! - z[i]!));
  }
  return { cost, latents: out };
}

/** Means over the first n − simulated bounds and over the last, and of ess. */
export function importanceMeans(
  { bound, ess }: Pick<BoundsFound, 'bound' | 'ess'>,
  simulated: number,
  round: Round,
): [number, number, number] {
  const mean = (values: Float64Array): number =>
    round(values.reduce((a, b) => round(a + b), 0) / Math.max(1, values.length));
  const others = bound.length - simulated;
  return [mean(bound.subarray(0, others)), mean(bound.subarray(others)), mean(ess)];
}
