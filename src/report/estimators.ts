/**
 * The estimators that reports know. Every `Scores` holds those from prior latents; those from adapted proposals lie beside it,
 * and take one entry in `ADAPTED`: summaries, tables and columns of the CSV follow.
 */
import type { Scores } from '../likelihood/scorer.ts';

/** Estimators by importance weights of adapted proposals, and how tables call them. */
const ADAPTED = {
  laplace: 'L_K (Laplace)',
  encoder: 'L_K (encoder)',
  ais: 'AIS',
} as const;

export type AdaptedEstimator = keyof typeof ADAPTED;
export const ADAPTED_ESTIMATORS = Object.keys(ADAPTED) as readonly AdaptedEstimator[];

/** Those of every `Scores`. */
export const PRIOR_ESTIMATORS = ['surrogate', 'importance', 'paper-score'] as const;
export type PriorEstimator = (typeof PRIOR_ESTIMATORS)[number];

export type Estimator = PriorEstimator | AdaptedEstimator;

/** What importance weights give for each sample, from prior latents (in `Scores`) and from adapted proposals alike. */
export type WeightedScores = Pick<
  Scores,
  'importance' | 'standardError' | 'essImportance' | 'paretoK' | 'certificate' | 'verdict'
>;

/** The samples of a data set with their scores. */
export interface ScoredSet {
  /** Shown in tables and in the first column. */
  readonly name: string;
  /** [count] */
  readonly labels?: ArrayLike<number>;
  readonly scores: Scores;
  /** From the first K latents for each K of a sweep, rising to that of `scores`; none where there was one K. */
  readonly sweep?: readonly Scores[];
  /** By the adapted proposals that were asked for. */
  readonly adapted?: Readonly<Partial<Record<AdaptedEstimator, WeightedScores>>>;
}

/** How an estimator is read from a set. */
interface Reading {
  /** What tables call it. */
  readonly sign: string;
  /** One per sample. */
  readonly values: (set: ScoredSet) => Float64Array;
  /** The values from all banks of latents but one, for intervals; none where each sample has latents of its own. */
  readonly withoutBank: (set: ScoredSet) => readonly Float64Array[];
  /** Effective sample sizes; the paper score has none. */
  readonly ess?: (set: ScoredSet) => Float64Array;
  /** Certificates and verdicts, which importance weights have. */
  readonly weighted?: (set: ScoredSet) => WeightedScores;
}

function weighted(sign: string, of: (set: ScoredSet) => WeightedScores): Omit<Reading, 'withoutBank'> {
  return {
    sign,
    values: (set) => of(set).importance,
    ess: (set) => of(set).essImportance,
    weighted: of,
  };
}

function adapted(estimator: AdaptedEstimator): Reading {
  const reading = weighted(ADAPTED[estimator], ({ name, adapted: scores }) => {
    const of = scores?.[estimator];
    if (!of) throw new Error(`${name} was not scored by ${estimator}`);
    return of;
  });
  // Samples share no error of latents, so that the spread between them holds all of it.
  return { ...reading, withoutBank: () => [] };
}

const READINGS: Readonly<Record<Estimator, Reading>> = {
  importance: {
    ...weighted('L_K', ({ scores }) => scores),
    withoutBank: ({ scores }) => scores.importanceWithoutBank,
  },
  surrogate: {
    sign: 'S_K',
    values: ({ scores }) => scores.surrogate,
    withoutBank: ({ scores }) => scores.surrogateWithoutBank,
    ess: ({ scores }) => scores.essSurrogate,
  },
  'paper-score': {
    sign: 'paper score',
    values: ({ scores }) => scores.paperScore ?? new Float64Array(),
    withoutBank: () => [],
  },
  ...(Object.fromEntries(ADAPTED_ESTIMATORS.map((estimator) => [estimator, adapted(estimator)])) as Record<
    AdaptedEstimator,
    Reading
  >),
};

/** How to read an estimator from the sets that were scored by it. */
export function readingOf(estimator: Estimator): Reading {
  return READINGS[estimator];
}
