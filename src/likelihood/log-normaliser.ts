/**
 * log C of the explicit model f(y|x) = C exp(−l(y, G(x))/λ) on R^d (docs/mathematics.md §3):
 *   half-squared  N(G(x), λI)             −(d/2) log 2πλ
 *   squared       N(G(x), (λ/2)I)         −(d/2) log πλ
 *   l1            Laplace of scale λ      −d log 2λ
 */
import { UserError } from '../gpu/errors.ts';
import type { LikelihoodCost } from '../ops/log-likelihood.ts';

/**
 * log C, in nats.
 * @param d values in a sample; @param lambda λ > 0, in units of the cost.
 * @throws UserError for a cost without a normaliser, and d or λ out of range.
 */
export function logNormaliser(cost: LikelihoodCost, d: number, lambda: number): number {
  if (!(Number.isInteger(d) && d >= 1))
    throw new UserError(`logNormaliser: d is ${d}; must be a whole number of 1 or more`);
  if (!(lambda > 0 && Number.isFinite(lambda)))
    throw new UserError(`logNormaliser: lambda is ${lambda}; must be a finite number above 0`);
  switch (cost) {
    case 'half-squared':
      return -0.5 * d * Math.log(2 * Math.PI * lambda);
    case 'squared':
      return -0.5 * d * Math.log(Math.PI * lambda);
    case 'l1':
      return -d * Math.log(2 * lambda);
    default:
      throw new UserError(
        (cost as string) === 'cosine'
          ? 'logNormaliser: cost cosine has no likelihood: exp(−l/λ) is not normalisable on R^d; use l1, squared or half-squared'
          : `logNormaliser: unknown cost ${String(cost)}; use l1, squared or half-squared`,
      );
  }
}

/** Whether λ stays a positive number on the GPU: float32, where subnormal numbers may count as 0. */
export function isPositiveFloat(lambda: number): boolean {
  return Math.fround(lambda) >= 2 ** -126 && Number.isFinite(Math.fround(lambda));
}
