/**
 * Float64 twin of latents drawn from Gaussian proposals, and of the gradient with respect to these:
 *   x_k = μ + T ε_k      log q_k = −½‖ε_k‖² − Σ_i log T_ii − (r/2) log 2π
 *   dμ = Σ_k dx_k      dT_ij = Σ_k dx_ki ε_kj      d log T_ii = Σ_k (dx_ki T_ii ε_ki − dq_k)
 * A proposal is μ, then the rows of T up to the diagonal, which holds log T_ii.
 */
import type { Round } from '../support/case.ts';

export interface Proposals {
  readonly n: number;
  readonly group: number;
  readonly r: number;
}

const widthOf = (r: number): number => r + (r * (r + 1)) / 2;

export function gaussianProposal(
  { n, group, r }: Proposals,
  proposals: ArrayLike<number>,
  noise: ArrayLike<number>,
  round: Round,
): { latents: Float64Array; logQ: Float64Array } {
  const latents = new Float64Array(n * group * r);
  const logQ = new Float64Array(n * group);
  for (let row = 0; row < n * group; row++) {
    const proposal = Math.floor(row / group) * widthOf(r);
    let sum = round(r * round(0.5 * Math.log(2 * Math.PI)));
    for (let i = 0; i < r; i++) {
      const factor = proposal + r + (i * (i + 1)) / 2;
      let x = proposals[proposal + i]!;
      for (let j = 0; j < i; j++) x = round(x + round(proposals[factor + j]! * noise[row * r + j]!));
      const e = noise[row * r + i]!;
      latents[row * r + i] = round(x + round(round(Math.exp(proposals[factor + i]!)) * e));
      sum = round(sum + round(round(0.5 * round(e * e)) + proposals[factor + i]!));
    }
    logQ[row] = -sum;
  }
  return { latents, logQ };
}

export function gaussianProposalGradient(
  { n, group, r }: Proposals,
  proposals: ArrayLike<number>,
  noise: ArrayLike<number>,
  dx: ArrayLike<number>,
  dq: ArrayLike<number>,
  round: Round,
): Float64Array {
  const width = widthOf(r);
  const out = new Float64Array(n * width);
  for (let one = 0; one < n; one++) {
    for (let i = 0; i < r; i++) {
      const row = (k: number): number => (one * group + k) * r;
      let sum = 0;
      for (let k = 0; k < group; k++) sum = round(sum + dx[row(k) + i]!);
      out[one * width + i] = sum;
      for (let j = 0; j <= i; j++) {
        const at = one * width + r + (i * (i + 1)) / 2 + j;
        sum = 0;
        for (let k = 0; k < group; k++) sum = round(sum + round(dx[row(k) + i]! * noise[row(k) + j]!));
        if (i === j) {
          sum = round(sum * round(Math.exp(proposals[at]!)));
          for (let k = 0; k < group; k++) sum = round(sum - dq[one * group + k]!);
        }
        out[at] = sum;
      }
    }
  }
  return out;
}
