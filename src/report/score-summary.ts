/** What the scores of data sets come to: means with intervals, quantiles, how far to trust them, and how well they tell the sets apart. */
import type { Baselines } from '../likelihood/baselines.ts';
import { type Interval, meanInterval, meanOf } from '../likelihood/interval.ts';
import { type Verdict, certificate } from '../likelihood/reliability.ts';
import type { Scores } from '../likelihood/scorer.ts';
import { type Separation, separation } from '../likelihood/separation.ts';
import { type Typicality, typicality } from '../likelihood/typicality.ts';
import { type Estimator, type ScoredSet, readingOf } from './estimators.ts';
import { quantile } from './range.ts';

export const YARDSTICKS = ['constant', 'linear', 'parzen'] as const satisfies readonly (keyof Baselines)[];
export type Yardstick = (typeof YARDSTICKS)[number];

/** Of one estimator over one data set, in its unit (nats; the paper score has none). */
export interface EstimatorSummary {
  readonly mean: Interval;
  /** 0.05, 0.5 and 0.95 quantiles over samples. */
  readonly quantiles: readonly [number, number, number];
  /** Mean effective sample size; the paper score has none. */
  readonly ess?: number;
  /** Of importance-weighted estimators. */
  readonly bound?: BoundSummary;
}

/** What an importance-weighted estimator bounds, and how near it is likely to be. */
export interface BoundSummary {
  /** The mean less log(1/δ): at most the mean log f(y) with probability 1 − δ, δ = 0.05. */
  readonly certificate: number;
  /** Of the mean, with the 8-bit correction where the images are 8-bit. */
  readonly bitsPerDim: number;
  /** Samples whose estimate is likely to be near the true value, and the others. */
  readonly tight: number;
  readonly loose: number;
  /** What makes most of the loose ones so; null where there are none. */
  readonly cause: string | null;
}

/** A data set's means from the first K latents. */
export interface SweepPoint {
  /** K. */
  readonly latents: number;
  readonly importance: Interval;
  readonly surrogate: Interval;
  /** Of L_K: the mean effective sample size, and the samples that are tight. */
  readonly ess: number;
  readonly tight: number;
}

/** A data set as a batch against a reference set, by L_K. */
export interface SetTypicality extends Typicality {
  readonly reference: string;
  readonly referenceCount: number;
}

export interface SetSummary {
  readonly name: string;
  readonly count: number;
  readonly estimators: Readonly<Partial<Record<Estimator, EstimatorSummary>>>;
  /** Over K, rising; none where there was one. */
  readonly sweep?: readonly SweepPoint[];
  /** Mean log-likelihoods of the yardsticks; null where there is no closed form. */
  readonly yardsticks?: Readonly<Record<Yardstick, Interval | null>>;
  readonly typicality?: SetTypicality;
}

/** The first set against another: the first is positive. */
export interface SetSeparation extends Separation {
  readonly first: string;
  readonly other: string;
  readonly estimator: Estimator;
}

export function summarise(
  set: ScoredSet,
  estimators: readonly Estimator[],
  {
    baselines,
    reference,
  }: { readonly baselines?: Baselines | undefined; readonly reference?: ScoredSet | undefined } = {},
): SetSummary {
  const { name, scores, sweep } = set;
  const yardstick = (values: Float64Array | null): Interval | null => values && meanInterval(values);
  return {
    name,
    count: scores.importance.length,
    estimators: Object.fromEntries(estimators.map((estimator) => [estimator, summaryOf(set, estimator)])),
    ...(sweep ? { sweep: sweep.map(sweepPoint) } : {}),
    ...(baselines
      ? {
          yardsticks: {
            constant: yardstick(baselines.constant),
            linear: yardstick(baselines.linear),
            parzen: yardstick(baselines.parzen),
          },
        }
      : {}),
    ...(reference
      ? {
          typicality: {
            reference: reference.name,
            referenceCount: reference.scores.importance.length,
            ...typicality(scores.importance, reference.scores.importance),
          },
        }
      : {}),
  };
}

function summaryOf(set: ScoredSet, estimator: Estimator): EstimatorSummary {
  const { values: valuesOf, withoutBank, ess, weighted } = readingOf(estimator);
  const values = valuesOf(set);
  const sorted = values.toSorted();
  const mean = meanInterval(values, withoutBank(set));
  return {
    mean,
    quantiles: [quantile(sorted, 0.05), quantile(sorted, 0.5), quantile(sorted, 0.95)],
    ...(ess ? { ess: meanOf(ess(set)) } : {}),
    ...(weighted ? { bound: boundOf(set.scores, mean.value, weighted(set).verdict) } : {}),
  };
}

function boundOf(scores: Scores, mean: number, verdicts: readonly Verdict[]): BoundSummary {
  const tight = verdicts.filter((verdict) => verdict.tight).length;
  // Bits per dimension are linear in the log-likelihood: those of `scores`, moved to this mean.
  const gain = (mean - meanOf(scores.importance)) / (scores.dimensions * Math.LN2);
  return {
    certificate: certificate(mean),
    bitsPerDim: meanOf(scores.bitsPerDim) - gain,
    tight,
    loose: verdicts.length - tight,
    cause: commonest(verdicts.flatMap(({ causes }) => causes)),
  };
}

/** Of several as common, the first; null of none. */
function commonest(texts: readonly string[]): string | null {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].reduce<readonly [string | null, number]>(
    (most, one) => (one[1] > most[1] ? one : most),
    [null, 0],
  )[0];
}

function sweepPoint(scores: Scores): SweepPoint {
  return {
    latents: scores.latents,
    importance: meanInterval(scores.importance, scores.importanceWithoutBank),
    surrogate: meanInterval(scores.surrogate, scores.surrogateWithoutBank),
    ess: meanOf(scores.essImportance),
    tight: scores.verdict.filter(({ tight }) => tight).length,
  };
}

/** The first set against each of the others, by each estimator. */
export function separations(
  [first, ...others]: readonly [ScoredSet, ...ScoredSet[]],
  estimators: readonly Estimator[],
): SetSeparation[] {
  return others.flatMap((other) =>
    estimators.map((estimator) => {
      const { values } = readingOf(estimator);
      return { first: first.name, other: other.name, estimator, ...separation(values(first), values(other)) };
    }),
  );
}
