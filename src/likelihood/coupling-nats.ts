/**
 * How much the optimal coupling tells of a linear Gaussian model (docs/mathematics.md §2): for data N(0, UΛUᵀ), noise λ and
 * the best linear generator, its divergence from independence is
 *   KL = ½ Σ_i log(Λ_i/λ)₊ nats
 * A batch of n·m random pairs holds too few coupled ones once that exceeds about log(nm), and so does a bank of latents.
 */

/** ½ Σ log(Λ_i/λ)₊, in nats. */
export function couplingNats(spectrum: ArrayLike<number>, lambda: number): number {
  return Array.from(spectrum).reduce((sum, value) => sum + Math.max(0, Math.log(value / lambda)), 0) / 2;
}

/**
 * The smallest λ whose coupling holds at most `nats`. The divergence is the largest of ½ Σ_{i≤k} log(Λ_i/λ) over k, the
 * eigenvalues descending, so that λ = max_k exp((Σ_{i≤k} log Λ_i − 2·nats)/k).
 */
export function smallestLambda(spectrum: ArrayLike<number>, nats: number): number {
  const descending = Array.from(spectrum).sort((a, b) => b - a);
  let sum = 0;
  return Math.exp(
    Math.max(
      ...descending.map((value, i) => {
        sum += Math.log(value);
        return (sum - 2 * nats) / (i + 1);
      }),
    ),
  );
}
