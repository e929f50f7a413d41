/** The files of an experiment: result.json, scores.csv, and a figure for each kind of score. */
import { join } from 'node:path';
import type { Output } from '../src/cli/output.ts';
import type { Stated } from '../src/cli/scoring.ts';
import { writeWhole } from '../src/node/files.ts';
import { readingOf } from '../src/report/estimators.ts';
import { densityFigure } from '../src/report/density-figure.ts';
import type { Laboratory } from './laboratory.ts';
import type { ExperimentOptions } from './options.ts';
import { type Comparison, type Scored, type SetResult, csvOf, describe } from './scoring.ts';

/** What every experiment's result.json holds. */
export interface ExperimentResult {
  readonly experiment: string;
  readonly preset: string;
  readonly seed: number;
  readonly adapter: string;
  /** Of the whole training run, interruptions left out. */
  readonly trainingSeconds: number;
  /** What every likelihood is stated for. */
  readonly stated: Stated;
  readonly sets: readonly SetResult[];
  readonly comparisons: readonly Comparison[];
}

/** The parts that options and device alone give. */
export function heading(
  experiment: string,
  { device }: Laboratory,
  { preset, seed }: ExperimentOptions,
): Pick<ExperimentResult, 'experiment' | 'preset' | 'seed' | 'adapter'> {
  return { experiment, preset, seed, adapter: device.adapter.description || device.adapter.device };
}

export interface Report {
  readonly result: ExperimentResult;
  /** In the CSV. */
  readonly scored: readonly Scored[];
  /** In the figures. */
  readonly drawn: readonly Scored[];
  /** Title of the figures. */
  readonly title: string;
  /** Told below the tables. */
  readonly remarks: readonly string[];
}

/** Writes the files, and says what came out. */
export async function writeResults({ path, output }: Laboratory, report: Report): Promise<void> {
  const { result, scored, drawn, title } = report;
  const { lambda, latents, cost } = result.stated;
  const figure = (of: 'importance' | 'paper-score', xTitle: string): Promise<string> =>
    densityFigure({
      title,
      xTitle,
      series: drawn.map((set) => ({ name: set.name, values: readingOf(of).values(set) })),
    });
  const files = {
    'result.json': `${JSON.stringify(result, null, 2)}\n`,
    'scores.csv': csvOf(scored),
    'log-likelihoods.svg': await figure(
      'importance',
      `log-likelihood L_K of an image (nats), K = ${latents}, cost ${cost}, λ = ${lambda}`,
    ),
    'paper-scores.svg': await figure(
      'paper-score',
      `paper-score of an image (nats, no likelihood), K = ${latents}, cost ${cost}, λ = ${lambda}`,
    ),
  };
  for (const [name, content] of Object.entries(files)) await writeWhole(join(path, name), content);
  tell(output, report);
  output.text(['', ...Object.keys(files).map((name) => `wrote ${join(path, name)}`)].join('\n'));
}

function tell(output: Output, { result, remarks }: Report): void {
  output.record(result);
  output.text([describe(result.stated, result.sets, result.comparisons), '', ...remarks].join('\n'));
}
