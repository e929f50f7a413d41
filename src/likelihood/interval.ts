/**
 * A mean with its 95 % interval, of two kinds. Of the law that the samples came from (`meanInterval`): where the values are
 * likelihood estimates from latents that all samples share, the error of the latents is in every value alike, and its variance
 * is added to that of the samples:
 *   var = s²/n + (B − 1)/B Σ_b (m_b − m̄)²      m_b: the mean of the estimates without bank b of the latents
 * Of these very samples (`ownMeanInterval`): only the latents are random, and L_K is low by about as much as 1/K, which the
 * jackknife takes away (Quenouille 1956):
 *   centre = B m − (B − 1) m̄      half width = t_{B−1} √((B − 1)/B Σ_b (m_b − m̄)² + 1.5 (centre − m)²/S)
 * The mean weight is skewed where few latents carry it, and the jackknife alone then holds the truth too seldom (86 % of the time
 * at 5 nats of coupling). What is added vanishes with the bias. Its factor is no theory: it was found by simulation of linear
 * Gaussian models with 3 to 8 directions, and `npm run experiment -- calibration` tells how often the intervals hold the truth.
 * S is the number of sets of latents: 1 where the samples share them, else one for each sample.
 */
import { UserError } from '../gpu/errors.ts';

/** An estimate and the ends of its 95 % interval. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Half the width of a normal 95 % interval, in standard errors. */
const NORMAL_95 = 1.959963984540054;

/**
 * Mean of `values` with its normal 95 % interval; of a single value the interval is NaN.
 * @param withoutBank the same values from all banks of latents but one, an array for each bank, as `Scores` has them.
 */
export function meanInterval(
  values: ArrayLike<number>,
  withoutBank: readonly ArrayLike<number>[] = [],
): Interval {
  const n = values.length;
  if (n === 0) throw new UserError('meanInterval: no values; give one or more');
  const value = meanOf(values);
  let squares = 0;
  for (let i = 0; i < n; i++) squares += ((values[i] as number) - value) ** 2;
  const ofSamples = squares / (n - 1) / n;
  const ofBanks = withoutBank.length > 1 ? jackknifeVariance(withoutBank.map(meanOf)) : 0;
  const half = NORMAL_95 * Math.sqrt(ofSamples + ofBanks);
  return { value, low: value - half, high: value + half };
}

/** 97.5 % quantiles of Student's t with 1, 2, … 7 degrees of freedom, as many as there are banks less one. */
const STUDENT_97_5 = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646] as const;

/** How many times the square of the bias counts as variance. */
const BIAS_FACTOR = 1.5;

export interface OwnMeanOptions {
  /** Whether the samples `shared` one set of latents, as those from the prior do (the default), or had each its `own`. */
  readonly latents?: 'shared' | 'own';
}

/**
 * Mean of `values`, likelihood estimates of samples, with a 95 % interval for the mean of log f over these very samples. It need
 * not lie about the mean: estimates are low by a bias that the interval is corrected for.
 * @param withoutBank as for `meanInterval`; of fewer than two banks the interval is NaN. At most eight.
 */
export function ownMeanInterval(
  values: ArrayLike<number>,
  withoutBank: readonly ArrayLike<number>[],
  { latents = 'shared' }: OwnMeanOptions = {},
): Interval {
  const banks = withoutBank.length;
  if (values.length === 0) throw new UserError('ownMeanInterval: no values; give one or more');
  const value = meanOf(values);
  if (banks < 2) return { value, low: Number.NaN, high: Number.NaN };
  const t = STUDENT_97_5[banks - 2];
  if (t === undefined)
    throw new UserError(`ownMeanInterval: ${banks} banks; give ${STUDENT_97_5.length + 1} at most`);
  const means = withoutBank.map(meanOf);
  const centre = banks * value - (banks - 1) * meanOf(means);
  const sets = latents === 'shared' ? 1 : values.length;
  const half = t * Math.sqrt(jackknifeVariance(means) + (BIAS_FACTOR * (centre - value) ** 2) / sets);
  return { value, low: centre - half, high: centre + half };
}

/**
 * Variance of an estimate, from the estimates without each of its B groups (the delete-a-group jackknife):
 * (B − 1)/B Σ_b (e_b − ē)².
 */
export function jackknifeVariance(withoutGroup: ArrayLike<number>): number {
  const groups = withoutGroup.length;
  const mean = meanOf(withoutGroup);
  let squares = 0;
  for (let b = 0; b < groups; b++) squares += ((withoutGroup[b] as number) - mean) ** 2;
  return ((groups - 1) / groups) * squares;
}

/** The mean; NaN of none. */
export function meanOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return sum / values.length;
}
