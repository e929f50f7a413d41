/** Scores sets of images under a model beside other ways to tell them apart, and says what came out. */
import { createHash } from 'node:crypto';
import { table } from '../src/cli/output.ts';
import { describeScoring } from '../src/cli/score-tables.ts';
import { type Stated, yardsticksOf } from '../src/cli/scoring.ts';
import type { Dataset } from '../src/data/dataset.ts';
import { encodeModel } from '../src/gan/model-file.ts';
import type { Model } from '../src/gan/model.ts';
import { finalLambda } from '../src/gan/settings.ts';
import type { Baselines } from '../src/likelihood/baselines.ts';
import { type Interval, meanInterval } from '../src/likelihood/interval.ts';
import { Scorer, type Scores } from '../src/likelihood/scorer.ts';
import { type Separation, separation } from '../src/likelihood/separation.ts';
import { densityOf } from '../src/report/density.ts';
import {
  PRIOR_ESTIMATORS,
  type PriorEstimator,
  type ScoredSet,
  readingOf,
} from '../src/report/estimators.ts';
import { type SetSummary, YARDSTICKS, summarise } from '../src/report/score-summary.ts';
import { scoresCsv } from '../src/report/scores-csv.ts';
import { type Laboratory, kept } from './laboratory.ts';

/** A set of test images under the name that tables and figures show. */
export interface TestSet {
  readonly name: string;
  readonly images: Dataset;
}

/** A set with its scores. */
export interface Scored extends ScoredSet {
  /** The SPEC of its images. */
  readonly data: string;
  readonly yardsticks?: Baselines;
}

export interface ScoringPlan {
  readonly latents: number;
  readonly seed: number;
  /** Training data of the yardsticks; none without. */
  readonly training?: Dataset;
}

/** Scores each set under the model; what was scored before is read back. */
export async function scoreSets(
  lab: Laboratory,
  model: Model,
  sets: readonly [TestSet, ...TestSet[]],
  { latents, seed, training }: ScoringPlan,
): Promise<[Scored, ...Scored[]]> {
  const { device, output, signal } = lab;
  const lambda = finalLambda(model.configuration.settings.lambda);
  const weights = createHash('sha256').update(encodeModel(model)).digest('hex');
  using scorer = await Scorer.create(device, model, { latents, seed, lambda });
  const scored: Scored[] = [];
  for (const { name, images } of sets) {
    const key = JSON.stringify(['scores with causes', weights, images.name, latents, seed]);
    const scores = await kept(lab, key, async () => {
      const bar = output.progress(`scoring ${name}`, images.count);
      const onProgress = (done: number): void => bar.update(Math.floor(done * images.count));
      return scorer.score(images, { signal, onProgress }).finally(() => bar.stop());
    });
    scored.push({ name, data: images.name, scores, ...(images.labels && { labels: images.labels }) });
  }
  const all = scored as [Scored, ...Scored[]];
  if (!training) return all;
  const { cost } = all[0].scores;
  const datasets = sets.map(({ images }) => images) as [Dataset, ...Dataset[]];
  const key = JSON.stringify(['yardsticks', training.name, datasets.map(({ name }) => name), cost, lambda]);
  const yardsticks = await kept(lab, key, () => {
    output.note(`yardsticks from ${training.name}`);
    return yardsticksOf(device, training, datasets, cost, lambda, signal);
  });
  return all.map((set, i) => ({ ...set, yardsticks: yardsticks[i] })) as [Scored, ...Scored[]];
}

/** What tells sets apart; higher is more like the training data. */
export const MEASURES = [...PRIOR_ESTIMATORS, 'nearest-sample', ...YARDSTICKS] as const;
export type Measure = (typeof MEASURES)[number];

const MEASURE_NAMES: Readonly<Record<Measure, string>> = {
  importance: 'L_K',
  surrogate: 'S_K',
  'paper-score': 'paper-score',
  'nearest-sample': '−distance to the nearest sample',
  constant: 'constant image',
  linear: 'linear generator',
  parzen: 'Parzen window',
};

/** Costs of the nearest samples: these scores' latents are the prior's. */
function nearestOf({ nearestCost }: Scores): Float64Array {
  return nearestCost as Float64Array;
}

/** The values of a measure, one per image; undefined where there are none, as of yardsticks that were not asked for. */
function measured(set: Scored, measure: Measure): Float64Array | undefined {
  switch (measure) {
    case 'nearest-sample':
      return nearestOf(set.scores).map((cost) => -cost);
    case 'constant':
    case 'linear':
    case 'parzen':
      return set.yardsticks?.[measure] ?? undefined;
    case 'paper-score':
    case 'importance':
    case 'surrogate':
      return readingOf(measure).values(set);
  }
}

/** A set's scores in figures. */
export interface SetResult extends SetSummary {
  readonly data: string;
  /** Where the smooth density of each estimator is highest. */
  readonly modes: Readonly<Record<PriorEstimator, number>>;
  /** Mean cost of the nearest of the K generated samples. */
  readonly nearestCost: Interval;
}

export function resultOf(set: Scored): SetResult {
  const mode = (estimator: PriorEstimator): number => densityOf(readingOf(estimator).values(set)).mode;
  return {
    ...summarise(set, PRIOR_ESTIMATORS, { baselines: set.yardsticks }),
    data: set.data,
    modes: {
      importance: mode('importance'),
      surrogate: mode('surrogate'),
      'paper-score': mode('paper-score'),
    },
    nearestCost: meanInterval(nearestOf(set.scores)),
  };
}

/** One set, the positive one, against another by one measure. */
export interface Comparison extends Separation {
  readonly first: string;
  readonly other: string;
  readonly by: Measure;
}

/** The first set against each of the others, by each measure that there is. */
export function compare(first: Scored, others: readonly Scored[]): Comparison[] {
  return others.flatMap((other) =>
    MEASURES.flatMap((by) => {
      const [positive, negative] = [measured(first, by), measured(other, by)];
      if (!positive || !negative) return [];
      return [{ first: first.name, other: other.name, by, ...separation(positive, negative) }];
    }),
  );
}

/** The tables that people read. */
export function describe(
  stated: Stated,
  results: readonly SetResult[],
  comparisons: readonly Comparison[],
): string {
  const lines = [
    describeScoring({ summaries: results, separations: [], stated }),
    '',
    table([
      ['data set', 'mode of L_K', 'of S_K', 'of paper-score', 'mean cost of the nearest sample'],
      ...results.map(({ name, modes, nearestCost }) => [
        name,
        modes.importance.toFixed(2),
        modes.surrogate.toFixed(2),
        modes['paper-score'].toFixed(2),
        nearestCost.value.toFixed(2),
      ]),
    ]),
  ];
  if (comparisons.length > 0)
    lines.push(
      '',
      table([
        [`${comparisons[0]?.first} against`, 'by', 'AUROC [95 %]', 'AUPR [95 %]', 'FPR95 [95 %]'],
        ...comparisons.map(({ other, by, auroc, aupr, fpr95 }) => [
          other,
          MEASURE_NAMES[by],
          ...[auroc, aupr, fpr95].map(
            ({ value, low, high }) => `${value.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`,
          ),
        ]),
      ]),
    );
  return lines.join('\n');
}

/** The scores of every image, as `entropic-gan score` writes them, and the cost of the nearest sample. */
export function csvOf(sets: readonly Scored[]): string {
  return scoresCsv(sets, PRIOR_ESTIMATORS, [
    { name: 'nearest_cost', cell: ({ scores }, i) => nearestOf(scores)[i] },
  ]);
}
