/** Scores data sets under a model beside the yardsticks; records and draws what came out. */
import { type Dataset, mergeLike } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import type { Model } from '../gan/model.ts';
import { type Baselines, baselines } from '../likelihood/baselines.ts';
import { latentSweep } from '../likelihood/latent-sweep.ts';
import type { ScorerOptions, Scores } from '../likelihood/scorer.ts';
import type { Estimator, ScoredSet } from '../report/estimators.ts';
import { likelihoodHistogram } from '../report/histogram.ts';
import { type SetSeparation, type SetSummary, separations, summarise } from '../report/score-summary.ts';
import { sweepFigure } from '../report/sweep-figure.ts';
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
}

/** Steps of the progress bar a data set. */
const BAR = 100;

export interface ScoringOptions extends Omit<ScorerOptions, 'latents' | 'proposal'> {
  /** K, rising: several make a sweep, of which the last is reported in full. */
  readonly latents: readonly number[];
  readonly estimators: readonly Estimator[];
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
  const { estimators, training, reference, latents, signal, ...scorerOptions } = options;
  const toScore = [...datasets, ...(reference ? [reference] : [])];
  const bar = output.progress('scoring', toScore.length * BAR);
  const scored: ScoredSet[] = [];
  try {
    for (const [index, dataset] of toScore.entries()) {
      const sweep = await latentSweep(device, model, dataset, {
        ...scorerOptions,
        // One K is enough of the reference.
        latents: dataset === reference ? latents.slice(-1) : latents,
        signal,
        onProgress: (share) => bar.update(Math.floor((index + share) * BAR), dataset.name),
      });
      scored.push({
        name: dataset.name,
        ...(dataset.labels ? { labels: dataset.labels } : {}),
        scores: sweep.at(-1) as Scores,
        ...(sweep.length > 1 ? { sweep } : {}),
      });
    }
  } finally {
    bar.stop();
  }
  const sets = scored.slice(0, datasets.length) as [ScoredSet, ...ScoredSet[]];
  const [{ scores }] = sets;
  const yardsticks =
    training && (await yardsticksOf(device, training, datasets, scores.cost, scores.lambda, signal));
  return {
    sets,
    summaries: sets.map((set, i) =>
      summarise(set, estimators, {
        ...(yardsticks?.[i] ? { baselines: yardsticks[i] } : {}),
        ...(reference ? { reference: scored.at(-1) as ScoredSet } : {}),
      }),
    ),
    separations: separations(sets, estimators),
    stated: statedOf(model, scores),
  };
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
