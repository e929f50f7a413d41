/** `entropic-gan demo`: everything once, on the built-in data: train on one digit, then tell it from the others. */
import type { Command } from 'commander';
import { join } from 'node:path';
import type { Dataset } from '../data/dataset.ts';
import { Trainer } from '../gan/trainer.ts';
import { mlp } from '../nn/architectures.ts';
import { writeWhole } from '../node/files.ts';
import { loadDataset } from '../node/load-dataset.ts';
import type { PriorEstimator } from '../report/estimators.ts';
import { scoresCsv } from '../report/scores-csv.ts';
import { Interrupted, interruptible } from './interrupt.ts';
import { type DeviceOptions, deviceFor, warmedUp, wholeNumber, withDeviceOptions } from './options.ts';
import { commandOutput, seconds } from './output.ts';
import { prepareFolder, runFolder } from './run-folder.ts';
import { describeScoring } from './score-tables.ts';
import { drawScoring, recordScoring, scoreSets } from './scoring.ts';
import { trainInto } from './training.ts';

interface DemoOptions extends DeviceOptions {
  readonly out: string;
  readonly steps: number;
  readonly json: boolean;
}

/** Digit 1 to learn, the other nine to tell it from. */
const TRAINING = 'glyphs?labels=1';
const TEST = ['glyphs?labels=1&split=test&limit=500', 'glyphs?labels=0,2-9&split=test&limit=500'] as const;
const ESTIMATORS: readonly PriorEstimator[] = ['importance', 'surrogate'];
const LAMBDA = 1;
const LATENTS = 2000;
/** Small networks and batches: minutes on two CPU cores. */
const NETWORKS = { latent: 8, hidden: [128, 128] } as const;
const BATCH = 64;
const STEPS = 1200;

export function registerDemo(program: Command): void {
  const command = program
    .command('demo')
    .description('train on the built-in digit 1, score it against the other digits, and draw what came out')
    .option('--out <folder>', 'folder to write to', 'demo')
    .option('--steps <n>', 'generator iterations', wholeNumber(1), STEPS)
    .option('--json', 'one JSON object a line', false);
  withDeviceOptions(command).action((options: DemoOptions) =>
    interruptible((signal) => demo(options, signal)),
  );
}

async function demo(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const started = performance.now();
  const output = commandOutput(options.json);
  const folder = runFolder(options.out);
  await prepareFolder(folder, 0);
  const training = await loadDataset(TRAINING);
  using device = await deviceFor(options);
  output.note(
    `trains on ${training.count} images of ${TRAINING}, adapter: ${device.adapter.description || device.adapter.device}`,
  );
  using trainer = await Trainer.create(device, {
    model: mlp({ sample: training.shape, ...NETWORKS }),
    lambda: warmedUp(LAMBDA),
    batch: BATCH,
    seed: 1,
  });
  const plan = { steps: options.steps, reportEvery: 50, checkpointEvery: 500 };
  const model = await trainInto(folder, trainer, training, plan, output, signal);
  if (model.configuration.steps < plan.steps) throw new Interrupted('interrupted');
  const tests: [Dataset, ...Dataset[]] = [await loadDataset(TEST[0]), await loadDataset(TEST[1])];
  const scoring = await scoreSets(
    device,
    model,
    tests,
    { latents: [LATENTS], seed: 1, estimators: ESTIMATORS, training, signal },
    output,
  );
  const files = {
    samples: folder.samples(plan.steps),
    histogram: join(folder.path, 'likelihoods.svg'),
    scores: join(folder.path, 'scores.csv'),
  };
  await writeWhole(files.histogram, await drawScoring(scoring));
  await writeWhole(files.scores, scoresCsv(scoring.sets, ESTIMATORS));
  recordScoring(scoring, output);
  const elapsed = (performance.now() - started) / 1000;
  output.record({ ...files, model: folder.model, seconds: elapsed });
  output.text(
    [
      '',
      describeScoring(scoring),
      '',
      `${files.samples}: samples of the generator`,
      `${files.histogram}: the likelihoods as a figure`,
      `${files.scores}: the scores, a line per image`,
      `${folder.model}: the model, for score and sample`,
      `Done in ${seconds(elapsed)}.`,
    ].join('\n'),
  );
}
