/**
 * How well a score tells one set of samples from another. Samples of the first set are positive, higher scores more so.
 *   AUROC   the probability that a positive sample scores above a negative one, ties counting ½
 *   AUPR    average precision, Σ over distinct thresholds of Δrecall · precision
 *   FPR95   the share of negatives at or above the first distinct threshold that takes in 95 % of the positives
 * 95 % intervals are percentiles of a bootstrap over the samples of both sets (Efron 1979). It cannot see beyond the
 * samples at hand: of perfectly separated sets its interval is [1, 1].
 */
import { threefryStream } from '../data/random.ts';
import { STREAMS } from '../gan/streams.ts';
import { UserError } from '../gpu/errors.ts';
import { type BootstrapOptions, bootstrapOptions, drawOne } from './bootstrap.ts';
import type { Interval } from './interval.ts';

/** Measures of separation, each with its 95 % interval. */
export interface Separation {
  readonly auroc: Interval;
  readonly aupr: Interval;
  readonly fpr95: Interval;
}

export type SeparationOptions = BootstrapOptions;

/** Area under the ROC curve of two sets of scores. @throws UserError where a set is empty or holds NaN. */
export function auroc(positive: ArrayLike<number>, negative: ArrayLike<number>): number {
  return measure(countAll(rank(positive, negative))).auroc;
}

/** Average precision of two sets of scores. @throws UserError as `auroc`. */
export function averagePrecision(positive: ArrayLike<number>, negative: ArrayLike<number>): number {
  return measure(countAll(rank(positive, negative))).aupr;
}

/** False positive rate where 95 % of the positives are found. @throws UserError as `auroc`. */
export function fpr95(positive: ArrayLike<number>, negative: ArrayLike<number>): number {
  return measure(countAll(rank(positive, negative))).fpr95;
}

/** All three measures with bootstrap intervals. @throws UserError as `auroc`, and on options out of range. */
export function separation(
  positive: ArrayLike<number>,
  negative: ArrayLike<number>,
  options: SeparationOptions = {},
): Separation {
  const { seed, resamples } = bootstrapOptions('separation', options);
  const ranks = rank(positive, negative);
  const values = measure(countAll(ranks));
  const uniform = threefryStream([seed, STREAMS.bootstrap]);
  const drawn = Array.from({ length: resamples }, () => measure(countResampled(ranks, uniform)));
  const intervalOf = (name: keyof Measures): Interval => {
    const sorted = Float64Array.from(drawn, (measures) => measures[name]).sort();
    return { value: values[name], low: quantile(sorted, 0.025), high: quantile(sorted, 0.975) };
  };
  return { auroc: intervalOf('auroc'), aupr: intervalOf('aupr'), fpr95: intervalOf('fpr95') };
}

type Measures = Readonly<Record<keyof Separation, number>>;

/** Which of the distinct scores, from the highest (0) down, each sample has. */
interface Ranks {
  readonly positive: Uint32Array;
  readonly negative: Uint32Array;
  readonly distinct: number;
}

/** Samples at each distinct score, from the highest down. */
interface Counts {
  readonly positive: Uint32Array;
  readonly negative: Uint32Array;
}

function rank(positive: ArrayLike<number>, negative: ArrayLike<number>): Ranks {
  for (const [which, scores] of Object.entries({ positive, negative })) {
    if (scores.length === 0)
      throw new UserError(`separation: there are no ${which} scores; give one or more`);
    const bad = Array.prototype.findIndex.call(scores, Number.isNaN);
    if (bad >= 0) throw new UserError(`separation: ${which} score ${bad} is NaN; scores must be numbers`);
  }
  const rising = new Float64Array(positive.length + negative.length);
  rising.set(positive);
  rising.set(negative, positive.length);
  rising.sort();
  const distinct = rising.filter((score, i) => i === 0 || score !== rising[i - 1]).reverse();
  const rankOf = new Map(Array.from(distinct, (score, index) => [score, index]));
  const ranksOf = (scores: ArrayLike<number>): Uint32Array =>
    Uint32Array.from(scores, (score) => rankOf.get(score) as number);
  return { positive: ranksOf(positive), negative: ranksOf(negative), distinct: distinct.length };
}

function countAll(ranks: Ranks): Counts {
  return countEach(ranks, (of, i) => of[i] as number);
}

/** As many samples of each set as it has, drawn with replacement. */
function countResampled(ranks: Ranks, uniform: () => number): Counts {
  return countEach(ranks, (of) => drawOne(of, uniform));
}

function countEach(
  { positive, negative, distinct }: Ranks,
  rankAt: (ranks: Uint32Array, i: number) => number,
): Counts {
  const count = (ranks: Uint32Array): Uint32Array => {
    const counts = new Uint32Array(distinct);
    for (let i = 0; i < ranks.length; i++) {
      const at = rankAt(ranks, i);
      counts[at] = (counts[at] as number) + 1;
    }
    return counts;
  };
  return { positive: count(positive), negative: count(negative) };
}

function measure({ positive, negative }: Counts): Measures {
  const positives = positive.reduce((a, b) => a + b, 0);
  const negatives = negative.reduce((a, b) => a + b, 0);
  let truePositives = 0;
  let falsePositives = 0;
  let wins = 0;
  let precision = 0;
  let fpr: number | undefined;
  for (let g = 0; g < positive.length; g++) {
    const hits = positive[g] as number;
    const misses = negative[g] as number;
    truePositives += hits;
    falsePositives += misses;
    wins += hits * (negatives - falsePositives + misses / 2);
    if (hits > 0) precision += (hits / positives) * (truePositives / (truePositives + falsePositives));
    if (fpr === undefined && 100 * truePositives >= 95 * positives) fpr = falsePositives / negatives;
  }
  return { auroc: wins / (positives * negatives), aupr: Math.min(precision, 1), fpr95: fpr as number };
}

/** Quantile of rising values, linear between neighbours. */
function quantile(rising: Float64Array, share: number): number {
  const at = share * (rising.length - 1);
  const below = rising[Math.floor(at)] as number;
  const above = rising[Math.ceil(at)] as number;
  return below + (at - Math.floor(at)) * (above - below);
}
