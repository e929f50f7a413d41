/**
 * Bits per dimension: −log f / (d ln 2), and for 8-bit images divided by 255 (or 256) + log₂ 255 (or log₂ 256), which
 * states the density on the scale of the integers, where one grey level is one unit.
 */
import { UserError } from '../gpu/errors.ts';

/**
 * Bits per dimension of a log-likelihood in nats.
 * @param d values in a sample.
 * @param options.levels what 8-bit integers were divided by; null where the values never were integers.
 */
export function bitsPerDimension(
  logLikelihood: number,
  d: number,
  { levels }: { readonly levels: 255 | 256 | null },
): number {
  if (!(Number.isInteger(d) && d >= 1))
    throw new UserError(`bitsPerDimension: d is ${d}; must be a whole number of 1 or more`);
  return -logLikelihood / (d * Math.LN2) + (levels === null ? 0 : Math.log2(levels));
}
