/** `entropic-gan gaussian`: the paper's tightness experiment, where every likelihood is known exactly. */
import { type Command, InvalidArgumentError } from 'commander';
import { join } from 'node:path';
import { SPECTRUM_RANGE } from '../data/gaussian.ts';
import { MAX_GAUSSIAN_DIMS } from '../data/spec.ts';
import { gaussianSteps } from '../gan/gaussian-training.ts';
import type { Interval } from '../likelihood/interval.ts';
import {
  type EstimateTightness,
  MOST_NATS,
  PUBLISHED,
  type Tightness,
  tightness,
} from '../likelihood/tightness.ts';
import { ensureFolder, writeWhole } from '../node/files.ts';
import { writeModel } from '../node/model-files.ts';
import { type GapSeries, gapFigure } from '../report/gap-figure.ts';
import { interruptible } from './interrupt.ts';
import { type DeviceOptions, deviceFor, wholeNumber, withDeviceOptions } from './options.ts';
import { commandOutput, seconds, table } from './output.ts';

interface GaussianOptions extends DeviceOptions {
  readonly dims: number[];
  readonly seed: number;
  readonly steps?: number;
  readonly latents: number;
  readonly samples: number;
  readonly annealed: number;
  readonly out: string;
  readonly json: boolean;
}

/** Steps of the progress bar a dimension. */
const BAR = 200;
/** What training is of a dimension's work, roughly. */
const TRAINING = 0.7;

const HELP = `
For each d: data N(0, Σ), eigenvalues of Σ uniform on (0.2, 100); λ the smallest with a coupling of at most ${MOST_NATS} nats; a linear
generator and quadratic critics, trained; then the exact likelihoods and the estimates, beside the published figures.

Writes into the folder of --out:
  gaussian.json    everything that is known of each d, spectrum included
  gaussian.svg     the gaps beside the published ones
  d*.safetensors   the models

Examples:
  entropic-gan gaussian
  entropic-gan gaussian --dims 5,10 --seed 3 --out runs/gaussian`;

export function registerGaussian(program: Command): void {
  const command = program
    .command('gaussian')
    .description(
      "how tight the likelihoods are where they are known: the paper's experiment on Gaussian data",
    )
    .option('--dims <list>', 'dimensions of the data, and of the latents', dimensions, [...PUBLISHED.keys()])
    .option('--seed <n>', 'of data, training and latents', wholeNumber(0), 1)
    .option(
      '--steps <n>',
      `generator iterations for each d (default: ${gaussianSteps(10)} up to d = 10, then ${gaussianSteps(11)})`,
      wholeNumber(1),
    )
    .option('--latents <K>', 'latents per test sample from the prior', wholeNumber(1), 10_000)
    .option('--samples <n>', 'test samples for the estimates', wholeNumber(2), 500)
    .option('--annealed <n>', 'the first of them, for annealed chains; 0 for none', wholeNumber(0), 20)
    .option('--out <folder>', 'folder to write to', 'gaussian')
    .option('--json', 'one JSON object a line, a d each', false)
    .addHelpText('after', HELP);
  withDeviceOptions(command).action((options: GaussianOptions) =>
    interruptible((signal) => gaussian(options, signal)),
  );
}

/** `5,10` as [5, 10]. */
function dimensions(text: string): number[] {
  const dims = text.split(',').map(wholeNumber(1));
  const large = dims.find((d) => d > MAX_GAUSSIAN_DIMS);
  if (large !== undefined) throw new InvalidArgumentError(`${large} is above ${MAX_GAUSSIAN_DIMS}`);
  const twice = dims.find((d, i) => dims.indexOf(d) !== i);
  if (twice !== undefined) throw new InvalidArgumentError(`${twice} is there twice`);
  return dims;
}

async function gaussian(options: GaussianOptions, signal: AbortSignal): Promise<void> {
  const { dims: all, out, json, seed, steps, latents, samples, annealed } = options;
  const started = performance.now();
  const output = commandOutput(json);
  await ensureFolder(out);
  using device = await deviceFor(options);
  const adapter = device.adapter.description || device.adapter.device;
  output.note(`adapter: ${adapter}`);
  const files = { results: join(out, 'gaussian.json'), figure: join(out, 'gaussian.svg') };
  const bar = output.progress('gaussian', all.length * BAR);
  const results: Tightness[] = [];
  try {
    for (const [index, dims] of all.entries()) {
      let at = 0;
      const { result, model } = await tightness(device, {
        dims,
        seed,
        ...(steps === undefined ? {} : { steps }),
        latents,
        samples,
        annealed,
        signal,
        onProgress(what, done) {
          // Each kind of latents goes on from where the work before has come.
          at = what === 'training' ? TRAINING * done : Math.max(at, TRAINING + (1 - TRAINING) * done);
          bar.update(Math.floor((index + at) * BAR), `d = ${dims}: ${what}`);
        },
      });
      await writeModel(join(out, `d${dims}.safetensors`), model);
      results.push(result);
      // What is there already stays, whatever becomes of the next.
      await writeWhole(files.results, `${JSON.stringify({ adapter, results }, null, 1)}\n`);
      await writeWhole(files.figure, await drawGaps(results));
      output.record(result);
    }
  } catch (error) {
    const left = all.slice(results.length);
    if (signal.aborted && results.length > 0)
      output.note(`${files.results} holds d = ${all.slice(0, results.length)}; for the rest: --dims ${left}`);
    throw error;
  } finally {
    bar.stop();
  }
  output.text(
    [
      describeTightness(results as [Tightness, ...Tightness[]]),
      '',
      `${files.results}: all of it, spectra included`,
      `${files.figure}: the gaps as a figure`,
      `Done in ${seconds((performance.now() - started) / 1000)}.`,
    ].join('\n'),
  );
}

function drawGaps(results: readonly Tightness[]): Promise<string> {
  const exactly = (name: string, of: (result: Tightness) => number | undefined): GapSeries => ({
    name,
    gaps: results.flatMap((result) => {
      const value = of(result);
      return value === undefined ? [] : [{ dims: result.dims, value }];
    }),
  });
  // Those of all test samples: a few samples say little of the gap to the data.
  const [first] = results;
  const estimators = (first?.estimates ?? []).filter(({ samples }) => samples === first?.samples);
  return gapFigure({
    series: [
      exactly('published: surrogate', ({ published }) => published?.gap),
      exactly('exact, of the best linear model at this λ', ({ optimumGap }) => optimumGap),
      exactly('exact, of the trained model', ({ gap }) => gap),
      ...estimators.map(({ name }, i) => ({
        name: `${name}, of the trained model`,
        gaps: results.map(({ dims, estimates }) => ({
          dims,
          ...(estimates[i] as EstimateTightness).belowData,
        })),
      })),
    ],
    title: 'How far below the truth',
    notes: ['published: other covariances; estimates: means over test samples with 95 % intervals'],
    yTitle: 'gap to log N(y; 0, Σ), nats',
  });
}

const nats = (value: number): string => value.toFixed(3).replace(/^-0\.000$/, '0.000');
const withInterval = ({ value, high }: Interval): string => `${nats(value)} ± ${nats(high - value)}`;
const orNone = (value: number | undefined): string => value?.toFixed(2) ?? '–';

/** The results as tables. */
function describeTightness(results: readonly [Tightness, ...Tightness[]]): string {
  const [{ seed, latents }] = results;
  return [
    `Data N(0, Σ), the eigenvalues of Σ uniform on (${SPECTRUM_RANGE.join(', ')}), seed ${seed}; half-squared cost, λ the smallest with a coupling of`,
    `at most ${MOST_NATS} nats. Expectations over N(0, Σ), exact, in nats; log f of the trained model and of the best`,
    'linear one at this λ; gaps to log N; distance of AAᵀ from the best, relative.',
    '',
    table([
      [
        'd',
        'λ',
        'nats',
        'steps',
        'log N',
        'log f',
        'best log f',
        'gap',
        'best gap',
        'published gap',
        'distance',
      ],
      ...results.map(({ dims, lambda, couplingNats, steps, exact, gap, optimumGap, published, distance }) => [
        dims,
        lambda.toFixed(3),
        couplingNats.toFixed(3),
        steps,
        ...[exact.data, exact.model, exact.optimum, gap, optimumGap].map(nats),
        orNone(published?.gap),
        distance.toFixed(4),
      ]),
    ]),
    '',
    `Means over test samples ± 95 %, ${latents} latents from the prior; what an estimate is below log f and log N of the same samples.`,
    '',
    table([
      [
        'd',
        'estimator',
        'samples',
        'mean',
        'below log f',
        'below log N',
        'published exact',
        'surrogate',
        'gap',
      ],
      ...results.flatMap(({ dims, estimates, published }) =>
        estimates.map(({ name, samples: of, mean, belowModel, belowData }) => [
          dims,
          name,
          of,
          ...[mean, belowModel, belowData].map(withInterval),
          ...[published?.exact, published?.surrogate, published?.gap].map(orNone),
        ]),
      ),
    ]),
  ].join('\n');
}
