/** `entropic-gan score`: log-likelihoods of data sets under a model, as CSV and in tables. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { dirname } from 'node:path';
import { type Dataset, sampleSize } from '../data/dataset.ts';
import { UserError } from '../gpu/errors.ts';
import { sizeOf } from '../graph/graph.ts';
import { noiseOf } from '../likelihood/noise.ts';
import { LIKELIHOOD_COSTS, type LikelihoodCost } from '../ops/log-likelihood.ts';
import { PRIOR_ESTIMATORS } from '../report/estimators.ts';
import { scoresCsv } from '../report/scores-csv.ts';
import { ensureFolder, writeWhole } from '../node/files.ts';
import { loadDataset } from '../node/load-dataset.ts';
import { readModel } from '../node/model-files.ts';
import { type Efforts, RUNNABLE_ESTIMATORS } from './adapted-scoring.ts';
import { interruptible } from './interrupt.ts';
import { type DeviceOptions, deviceFor, number, wholeNumber, withDeviceOptions } from './options.ts';
import { commandOutput } from './output.ts';
import { describeScoring } from './score-tables.ts';
import { drawScoring, drawSweep, recordScoring, scoreSets } from './scoring.ts';

const ESTIMATORS = [...PRIOR_ESTIMATORS, ...RUNNABLE_ESTIMATORS] as const;
type Estimator = (typeof ESTIMATORS)[number];

interface ScoreOptions extends DeviceOptions, Efforts {
  readonly data: string[];
  readonly latents: number[];
  readonly estimators: Estimator[];

  readonly baselines?: string;
  readonly typicalOf?: string;
  readonly limit?: number;
  readonly seed: number;
  readonly cost?: LikelihoodCost;
  readonly lambda?: number;
  readonly out?: string;
  readonly histogram?: string;
  readonly sweep?: string;
  readonly json: boolean;
}

const EXAMPLES = `
Columns of the CSV: S_K (surrogate) and L_K (importance), both lower bounds of log f(y) in expectation, S_K ≤ L_K;
distance + latent + coupling_entropy + log_c = surrogate; how far to trust them (ess_*, max_weight, pareto_k,
standard_error, certificate, verdict and its reason); bits_per_dim of L_K. All in nats on the model's pixel scale, from the
largest of several K.

Examples:
  entropic-gan score runs/one/model.safetensors --data 'glyphs?labels=1&split=test' --data 'glyphs?labels=0,2-9&split=test' \\
      --limit 200 --baselines 'glyphs?labels=1' --out scores.csv --histogram likelihoods.svg
  entropic-gan score runs/one/model.safetensors --data 'glyphs?labels=1&split=test' --limit 200 --latents 100,1000,10000 \\
      --sweep sweep.svg
  entropic-gan score runs/one/model.safetensors --data 'glyphs?labels=1&split=test' --limit 20 --estimators importance,laplace
  entropic-gan score runs/one/model.safetensors --data 'glyphs?labels=7&split=test' --limit 50 \\
      --typical-of 'glyphs?labels=1&split=test&limit=1000'
  entropic-gan score runs/cosine/model.safetensors --data 'glyphs?labels=1&split=test' --cost half-squared --lambda 1

A model that was trained with the cosine cost has no likelihood of its own: state the noise with --cost and --lambda.`;

export function registerScore(program: Command): void {
  const command = program
    .command('score')
    .description('estimate log-likelihoods of data sets under a model')
    .argument('<model>', 'a model.safetensors or checkpoint.safetensors that train wrote')
    .requiredOption(
      '--data <spec>',
      'data to score; the first is compared with each of the others (repeatable)',
      (spec: string, before: string[] | undefined) => [...(before ?? []), spec],
    )
    .addOption(
      new Option(
        '--latents <K>',
        'latents per sample, drawn from the prior; several, rising, show how the estimates change with K',
      )
        .argParser((text: string) => text.split(',').map(number))
        .default([2000], '2000'),
    )
    .option('--estimators <names>', `comma-separated, of ${ESTIMATORS.join(', ')}`, estimatorList, [
      'surrogate',
      'importance',
    ] satisfies Estimator[])
    .option(
      '--proposal-latents <K>',
      'latents per sample of encoder and laplace, from a proposal of its own (default: 64 and 256)',
      number,
    )
    .option('--chains <n>', 'annealed chains per sample, of ais (default: 16)', number)
    .option(
      '--temperatures <T>',
      'steps that a chain takes from the prior to its sample (default: 500)',
      number,
    )
    .option(
      '--baselines <spec>',
      'training data for three yardsticks: constant image, linear generator, Parzen',
    )
    .option(
      '--typical-of <spec>',
      'held-out samples to test each data set against, as a batch: is its mean L_K typical of them?',
    )
    .option('--limit <n>', 'samples of each --data at most', wholeNumber(1))
    .option('--seed <n>', 'same seed, same latents', number, 0)
    .addOption(
      new Option(
        '--cost <name>',
        'cost of the noise model, with a --lambda of its own (default: that of the training)',
      ).choices(LIKELIHOOD_COSTS),
    )
    .option('--lambda <λ>', 'λ of the noise model (default: the last of the training schedule)', number)
    .option('--out <file>', 'CSV file to write, a line per sample')
    .option('--histogram <file>', 'SVG file to draw: how L_K is distributed over each data set')
    .option('--sweep <file>', 'SVG file to draw: mean L_K and S_K over the K of --latents')
    .option('--json', 'one JSON object a line: the summary of each data set, then each comparison', false)
    .addHelpText('after', EXAMPLES);
  withDeviceOptions(command).action((path: string, options: ScoreOptions) =>
    interruptible((signal) => score(path, options, signal)),
  );
}

async function score(path: string, options: ScoreOptions, signal: AbortSignal): Promise<void> {
  const { latents, estimators, seed, cost, lambda, out, histogram, sweep, limit } = options;
  const output = commandOutput(options.json);
  const model = await readModel(path);
  const noise = noiseOf(model.configuration.settings, {
    ...(cost === undefined ? {} : { cost }),
    ...(lambda === undefined ? {} : { lambda }),
  });
  const datasets: Dataset[] = [];
  for (const spec of options.data)
    datasets.push(await loadDataset(spec, limit === undefined ? {} : { limit }));
  const { baselines, typicalOf, proposalLatents, chains, temperatures } = options;
  const training = baselines === undefined ? undefined : await loadDataset(baselines);
  const reference = typicalOf === undefined ? undefined : await loadDataset(typicalOf);
  const { sample } = model.configuration.settings.model;
  // Before anything is scored, which takes long.
  const misfit = [...datasets, training, reference].find(
    (data) => data && sampleSize(data.shape) !== sizeOf(sample),
  );
  if (misfit)
    throw new UserError(
      `score: samples of ${misfit.name} have shape [${misfit.shape}] (${sampleSize(misfit.shape)} values), the model was made for [${sample}] (${sizeOf(sample)}); give data with as many values`,
    );
  const twice = datasets.find(({ name }, i) => datasets.findIndex((other) => other.name === name) !== i);
  for (const [option, file] of Object.entries({ '--histogram': histogram, '--sweep': sweep }))
    if (file !== undefined && twice)
      throw new UserError(
        `score: ${option} tells data sets apart by name, and ${twice.name} is given twice; give each once`,
      );
  if (sweep !== undefined && latents.length < 2)
    throw new UserError(
      `score: --sweep draws a curve over K, and --latents is ${latents}; give several, as in --latents 100,1000,10000`,
    );
  const files = [out, histogram, sweep].filter((file) => file !== undefined);
  for (const file of files) await ensureFolder(dirname(file));
  using device = await deviceFor(options);
  const scoring = await scoreSets(
    device,
    model,
    datasets as [Dataset, ...Dataset[]],
    {
      latents,
      seed,
      estimators,
      efforts: { proposalLatents, chains, temperatures },
      signal,
      ...noise,
      ...(training ? { training } : {}),
      ...(reference ? { reference } : {}),
    },
    output,
  );
  if (out !== undefined) await writeWhole(out, scoresCsv(scoring.sets, estimators));
  if (histogram !== undefined) await writeWhole(histogram, await drawScoring(scoring));
  if (sweep !== undefined) await writeWhole(sweep, await drawSweep(scoring));
  recordScoring(scoring, output);
  output.text(describeScoring(scoring));
  if (files.length > 0) output.text(`\nwrote ${files.join(', ')}`);
}

function estimatorList(text: string): Estimator[] {
  const names = [...new Set(text.split(','))];
  return names.map((name) => {
    const known = ESTIMATORS.find((estimator) => estimator === name);
    if (!known) throw new InvalidArgumentError(`'${name}' is none; known: ${ESTIMATORS.join(', ')}`);
    return known;
  });
}
