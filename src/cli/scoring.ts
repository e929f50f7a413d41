/** Scores data sets under a model beside the yardsticks, and says what came out. */
import { type Dataset, mergeLike } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import type { Model } from '../gan/model.ts';
import { type Baselines, baselines } from '../likelihood/baselines.ts';
import type { Interval } from '../likelihood/interval.ts';
import { type ScorerOptions, type Scores, Scorer } from '../likelihood/scorer.ts';
import { likelihoodHistogram } from '../report/histogram.ts';
import {
  type SetSeparation,
  type SetSummary,
  YARDSTICKS,
  separations,
  summarise,
} from '../report/score-summary.ts';
import type { Estimator, ScoredSet } from '../report/scores-csv.ts';
import { type Output, table } from './output.ts';

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

export async function scoreSets(
  device: Device,
  model: Model,
  datasets: readonly [Dataset, ...Dataset[]],
  options: ScorerOptions & {
    readonly estimators: readonly Estimator[];
    /** Training data of the yardsticks. */
    readonly training?: Dataset;
    readonly signal: AbortSignal;
  },
  output: Output,
): Promise<Scoring> {
  const { estimators, training, signal, ...scorerOptions } = options;
  using scorer = await Scorer.create(device, model, scorerOptions);
  const bar = output.progress('scoring', datasets.length * BAR);
  const sets: ScoredSet[] = [];
  try {
    for (const [index, dataset] of datasets.entries()) {
      const onProgress = (share: number): void => bar.update(Math.floor((index + share) * BAR), dataset.name);
      const scores = await scorer.score(dataset, { signal, onProgress });
      sets.push({
        name: dataset.name,
        ...(dataset.labels ? { labels: dataset.labels } : {}),
        scores,
      });
    }
  } finally {
    bar.stop();
  }
  const [first] = sets as [ScoredSet];
  const yardsticks =
    training && (await yardsticksOf(device, training, datasets, first.scores.cost, scorer.lambda, signal));
  return {
    sets: sets as [ScoredSet, ...ScoredSet[]],
    summaries: sets.map((set, i) => summarise(set, estimators, yardsticks?.[i])),
    separations: separations(sets as [ScoredSet, ...ScoredSet[]], estimators),
    stated: statedOf(model, first.scores),
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

const NAMES: Readonly<Record<Estimator, string>> = {
  importance: 'L_K',
  surrogate: 'S_K',
  'paper-score': 'paper score',
};

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

/** The tables that people read. */
export function describeScoring({ summaries, separations: told, stated }: Omit<Scoring, 'sets'>): string {
  const estimators = Object.keys(summaries[0]?.estimators ?? {}) as Estimator[];
  const scale =
    stated.pixelScale === null
      ? 'on the scale of the data'
      : `pixels are bytes times ${stated.pixelScale === 1 / 255 ? '1/255' : stated.pixelScale}`;
  const lines = [
    `Log-likelihoods in nats under f(y|x) = C exp(−l(y, G(x))/λ): cost ${stated.cost}, λ = ${stated.lambda}, d = ${stated.dimensions}, log C = ${stated.logC.toFixed(2)}, ${scale};`,
    `${stated.latents} prior latents a sample; the model was trained for ${stated.steps} steps on ${stated.trainedOn}.`,
  ];
  for (const estimator of estimators) {
    lines.push(
      '',
      table([
        [
          'data set',
          'n',
          `mean ${NAMES[estimator]}`,
          '± 95 %',
          'q05',
          'median',
          'q95',
          ...(estimator === 'importance' ? ['mean ESS', 'tight', 'bits/dim'] : []),
          ...(estimator === 'surrogate' ? ['mean ESS'] : []),
        ],
        ...summaries.map(({ name, count, estimators: of, ...rest }) => {
          const { mean, quantiles } = of[estimator] as NonNullable<(typeof of)[Estimator]>;
          return [
            name,
            count,
            mean.value.toFixed(2),
            halfWidth(mean),
            ...quantiles.map((value) => value.toFixed(2)),
            ...(estimator === 'importance'
              ? [rest.essImportance.toFixed(1), `${rest.tight}/${count}`, rest.bitsPerDim.toFixed(3)]
              : []),
            ...(estimator === 'surrogate' ? [rest.essSurrogate.toFixed(1)] : []),
          ];
        }),
      ]),
    );
  }
  if (summaries[0]?.yardsticks)
    lines.push(
      '',
      table([
        ['yardsticks: mean log-likelihood', 'constant image', 'linear generator', 'Parzen'],
        ...summaries.map(({ name, yardsticks }) => [
          name,
          ...YARDSTICKS.map((yardstick) => {
            const mean = yardsticks?.[yardstick];
            return mean ? `${mean.value.toFixed(2)} ± ${halfWidth(mean)}` : '–';
          }),
        ]),
      ]),
    );
  if (told.length > 0)
    lines.push(
      '',
      table([
        [`${told[0]?.first} against`, 'by', 'AUROC [95 %]', 'AUPR [95 %]', 'FPR95 [95 %]'],
        ...told.map(({ other, estimator, auroc, aupr, fpr95 }) => [
          other,
          NAMES[estimator],
          ...[auroc, aupr, fpr95].map(withEnds),
        ]),
      ]),
    );
  return lines.join('\n');
}

function halfWidth({ low, high }: Interval): string {
  return Number.isFinite(high - low) ? ((high - low) / 2).toFixed(2) : '–';
}

function withEnds({ value, low, high }: Interval): string {
  return `${value.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`;
}
