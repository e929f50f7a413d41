/** What the scores of data sets come to: means with intervals, quantiles, how far to trust them, and how well they tell the sets apart. */
import { type Interval, meanInterval } from '../likelihood/interval.ts';
import type { Baselines } from '../likelihood/baselines.ts';
import type { Scores } from '../likelihood/scorer.ts';
import { type Separation, separation } from '../likelihood/separation.ts';
import { quantile } from './range.ts';
import type { Estimator, ScoredSet } from './scores-csv.ts';

export const YARDSTICKS = ['constant', 'linear', 'parzen'] as const satisfies readonly (keyof Baselines)[];
export type Yardstick = (typeof YARDSTICKS)[number];

/** Of one estimator over one data set, in its unit (nats; the paper score has none). */
export interface EstimatorSummary {
  readonly mean: Interval;
  /** 0.05, 0.5 and 0.95 quantiles over samples. */
  readonly quantiles: readonly [number, number, number];
}

export interface SetSummary {
  readonly name: string;
  readonly count: number;
  readonly estimators: Readonly<Partial<Record<Estimator, EstimatorSummary>>>;
  /** Means over samples, of the importance weights and of the surrogate's. */
  readonly essImportance: number;
  readonly essSurrogate: number;
  /** Samples whose estimate is likely to be near the true value. */
  readonly tight: number;
  readonly bitsPerDim: number;
  /** Mean log-likelihoods of the yardsticks; null where there is no closed form. */
  readonly yardsticks?: Readonly<Record<Yardstick, Interval | null>>;
}

/** The first set against another: the first is positive. */
export interface SetSeparation extends Separation {
  readonly first: string;
  readonly other: string;
  readonly estimator: Estimator;
}

/** The values of an estimator, one per sample. */
export function valuesOf(scores: Scores, estimator: Estimator): Float64Array {
  if (estimator === 'paper-score') return scores.paperScore ?? new Float64Array();
  return scores[estimator];
}

export function summarise(
  { name, scores }: ScoredSet,
  estimators: readonly Estimator[],
  baselines?: Baselines,
): SetSummary {
  const of = (estimator: Estimator): EstimatorSummary => {
    const values = valuesOf(scores, estimator);
    const sorted = values.toSorted();
    return {
      mean: meanInterval(values, estimator === 'importance' ? scores.importanceWithoutBank : []),
      quantiles: [quantile(sorted, 0.05), quantile(sorted, 0.5), quantile(sorted, 0.95)],
    };
  };
  const yardstick = (values: Float64Array | null): Interval | null => values && meanInterval(values);
  return {
    name,
    count: scores.importance.length,
    estimators: Object.fromEntries(estimators.map((estimator) => [estimator, of(estimator)])),
    essImportance: meanInterval(scores.essImportance).value,
    essSurrogate: meanInterval(scores.essSurrogate).value,
    tight: scores.verdict.filter(({ tight }) => tight).length,
    bitsPerDim: meanInterval(scores.bitsPerDim).value,
    ...(baselines
      ? {
          yardsticks: {
            constant: yardstick(baselines.constant),
            linear: yardstick(baselines.linear),
            parzen: yardstick(baselines.parzen),
          },
        }
      : {}),
  };
}

/** The first set against each of the others, by each estimator. */
export function separations(
  [first, ...others]: readonly [ScoredSet, ...ScoredSet[]],
  estimators: readonly Estimator[],
): SetSeparation[] {
  return others.flatMap((other) =>
    estimators.map((estimator) => ({
      first: first.name,
      other: other.name,
      estimator,
      ...separation(valuesOf(first.scores, estimator), valuesOf(other.scores, estimator)),
    })),
  );
}
