/** Scores data sets under a model beside the yardsticks; records and draws what came out. */
import { type Dataset, mergeLike } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import type { Model } from '../gan/model.ts';
import { type Baselines, baselines } from '../likelihood/baselines.ts';
import { latentSweep } from '../likelihood/latent-sweep.ts';
import type { ScorerOptions, Scores } from '../likelihood/scorer.ts';
import type { AdaptedEstimator, PriorEstimator, ScoredSet, WeightedScores } from '../report/estimators.ts';
import { likelihoodHistogram } from '../report/histogram.ts';
import { type SetSeparation, type SetSummary, separations, summarise } from '../report/score-summary.ts';
import { sweepFigure } from '../report/sweep-figure.ts';
import {
  type AdaptedRun,
  type Efforts,
  RUNNABLE_ESTIMATORS,
  type RunnableEstimator,
  scoreAdapted,
} from './adapted-scoring.ts';
import type { Output } from './output.ts';

export interface Scoring {
  readonly sets: readonly [ScoredSet, ...ScoredSet[]];
  readonly summaries: readonly SetSummary[];
  readonly separations: readonly SetSeparation[];
  /** What every likelihood is stated for. */
  readonly stated: Stated;
}

export interface Stated {
  readonly cost: string;
  readonly lambda: number;
  readonly logC: number;
  readonly dimensions: number;
  readonly latents: number;
  /** Value of one byte step, null where the data are plain numbers. */
  readonly pixelScale: number | null;
  readonly trainedOn: string;
  readonly steps: number;
  /** What a sample took of each adapted estimator that was asked for, as in { laplace: { latents: 256 } }. */
  readonly adapted?: Readonly<Partial<Record<AdaptedEstimator, AdaptedRun['effort']>>>;
}

/** Steps of the progress bar a data set. */
const BAR = 100;

export interface ScoringOptions extends Omit<ScorerOptions, 'latents' | 'proposal'> {
  /** K, rising: several make a sweep, of which the last is reported in full. */
  readonly latents: readonly number[];
  readonly estimators: readonly (PriorEstimator | RunnableEstimator)[];
  /** What the adapted ones among them may take. */
  readonly efforts?: Efforts;
  /** Training data of the yardsticks. */
  readonly training?: Dataset;
  /** Samples that each data set, as a batch, is tested against. */
  readonly reference?: Dataset;
  readonly signal: AbortSignal;
}

export async function scoreSets(
  device: Device,
  model: Model,
  datasets: readonly [Dataset, ...Dataset[]],
  options: ScoringOptions,
  output: Output,
): Promise<Scoring> {
  const { estimators, training, reference, latents, efforts = {}, signal, ...scorerOptions } = options;
  const adapted = RUNNABLE_ESTIMATORS.filter((estimator) => estimators.includes(estimator));
  const passes = datasets.length * (1 + adapted.length) + (reference ? 1 : 0);
  const bar = output.progress('scoring', passes * BAR);
  let pass = 0;
  /** What a pass over a data set is told, beside the options of its own. */
  const passOver = (remark: string): typeof scorerOptions & PassOptions => {
    const before = pass++;
    const onProgress = (share: number): void => bar.update(Math.floor((before + share) * BAR), remark);
    return { ...scorerOptions, signal, onProgress };
  };
  const taken: Record<string, AdaptedRun['effort']> = {};
  const byAdapted = async (dataset: Dataset): Promise<NonNullable<ScoredSet['adapted']>> => {
    const scoresOf: Partial<Record<AdaptedEstimator, WeightedScores>> = {};
    for (const estimator of adapted) {
      const passOptions = { ...passOver(`${dataset.name}, ${estimator}`), efforts };
      const { scores, effort } = await scoreAdapted(estimator, device, model, dataset, passOptions);
      scoresOf[estimator] = scores;
      taken[estimator] = effort;
    }
    return scoresOf;
  };
  const byPrior = async (dataset: Dataset, ks: readonly number[]): Promise<ScoredSet> => {
    const sweep = await latentSweep(device, model, dataset, { ...passOver(dataset.name), latents: ks });
    return {
      name: dataset.name,
      ...(dataset.labels ? { labels: dataset.labels } : {}),
      scores: sweep.at(-1) as Scores,
      ...(sweep.length > 1 ? { sweep } : {}),
    };
  };
  const sets: ScoredSet[] = [];
  let referenceSet: ScoredSet | undefined;
  try {
    for (const dataset of datasets) {
      // Adapted proposals first: what they refuse is known before the long work.
      const others = adapted.length > 0 ? { adapted: await byAdapted(dataset) } : {};
      sets.push({ ...(await byPrior(dataset, latents)), ...others });
    }
    // One K is enough of the reference.
    if (reference) referenceSet = await byPrior(reference, latents.slice(-1));
  } finally {
    bar.stop();
  }
  const [first] = sets as [ScoredSet];
  const { cost, lambda } = first.scores;
  const yardsticks = training && (await yardsticksOf(device, training, datasets, cost, lambda, signal));
  return {
    sets: sets as [ScoredSet, ...ScoredSet[]],
    summaries: sets.map((set, i) =>
      summarise(set, estimators, { baselines: yardsticks?.[i], reference: referenceSet }),
    ),
    separations: separations(sets as [ScoredSet, ...ScoredSet[]], estimators),
    stated: {
      ...statedOf(model, first.scores),
      ...(adapted.length > 0 ? { adapted: taken } : {}),
    },
  };
}

interface PassOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (share: number) => void;
}

/** What scores of a model are stated for. */
export function statedOf({ configuration }: Model, scores: Scores): Stated {
  return {
    cost: scores.cost,
    lambda: scores.lambda,
    logC: scores.logC,
    dimensions: scores.dimensions,
    latents: scores.latents,
    pixelScale: configuration.pixelScale,
    trainedOn: configuration.data,
    steps: configuration.steps,
  };
}

/** The yardsticks of every data set, computed together: they share what is learnt from the training data. */
export async function yardsticksOf(
  device: Device,
  training: Dataset,
  datasets: readonly [Dataset, ...Dataset[]],
  cost: Parameters<typeof baselines>[3]['cost'],
  lambda: number,
  signal: AbortSignal,
): Promise<Baselines[]> {
  const all = await baselines(device, training, mergeLike(datasets), { cost, lambda, signal });
  let at = 0;
  return datasets.map(({ count }) => {
    const [start, end] = [at, (at += count)];
    return {
      constant: all.constant.subarray(start, end),
      linear: all.linear && all.linear.subarray(start, end),
      parzen: all.parzen.subarray(start, end),
    };
  });
}

/** A line of JSON for each data set and each comparison. */
export function recordScoring({ summaries, separations: told, stated }: Scoring, output: Output): void {
  for (const summary of summaries) output.record({ ...summary, ...stated });
  for (const separation of told) output.record(separation);
}

/** The distribution of L_K over each data set, as SVG. Data sets of one name cannot be told apart in it. */
export function drawScoring({ sets, stated }: Scoring): Promise<string> {
  return likelihoodHistogram({
    title: `Log-likelihoods under a model of ${stated.trainedOn}`,
    series: sets.map(({ name, scores }) => ({ name, values: scores.importance })),
    xTitle: `log-likelihood L_K of a sample (nats), K = ${stated.latents}, λ = ${stated.lambda}`,
  });
}

/** The mean likelihoods over K as SVG, of a sweep. */
export function drawSweep({ summaries, stated }: Scoring): Promise<string> {
  return sweepFigure({
    title: `Mean log-likelihoods under a model of ${stated.trainedOn}, λ = ${stated.lambda}`,
    sets: summaries.map(({ name, sweep }) => ({ name, sweep: sweep ?? [] })),
  });
}
