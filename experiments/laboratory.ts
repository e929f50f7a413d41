/**
 * What an experiment works with, and what it keeps: training goes on from its checkpoint, and what was computed once is read
 * back, as long as everything that it depends on is the same. In the folder of an experiment:
 *   training/   a training run: checkpoint, model, metrics, grids of samples, and the seconds that it took
 *   models/     the model after so many generator iterations
 *   kept/       scores, each file named by a hash of what they depend on
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { Interrupted } from '../src/cli/interrupt.ts';
import type { Output } from '../src/cli/output.ts';
import { prepareFolder, runFolder } from '../src/cli/run-folder.ts';
import { trainInto } from '../src/cli/training.ts';
import type { Dataset } from '../src/data/dataset.ts';
import type { ModelConfiguration, Model } from '../src/gan/model.ts';
import { type TrainerOptions, type TrainerSettings, trainerSettings } from '../src/gan/settings.ts';
import { Trainer } from '../src/gan/trainer.ts';
import type { Device } from '../src/gpu/device.ts';
import { UserError } from '../src/gpu/errors.ts';
import { readWhole, writeWhole } from '../src/node/files.ts';
import { readCheckpoint, readModel, writeModel } from '../src/node/model-files.ts';

export interface Laboratory {
  /** The experiment's folder. */
  readonly path: string;
  readonly device: Device;
  readonly output: Output;
  readonly signal: AbortSignal;
}

const REPORT_EVERY = 50;
const CHECKPOINT_EVERY = 250;

/**
 * The models of one training run after each of `milestones` generator iterations, rising: trained, or gone on with, or read
 * where that is done already.
 * @throws UserError where the folder holds a run of other settings or data, or one that went past a milestone without
 *   keeping it; Interrupted where the signal aborts, with everything saved.
 */
export async function modelsAt(
  lab: Laboratory,
  options: TrainerOptions,
  training: Dataset,
  milestones: readonly number[],
): Promise<{ models: readonly [Model, ...Model[]]; seconds: number }> {
  const settings = trainerSettings(options);
  const fileOf = (steps: number): string =>
    join(lab.path, 'models', `${String(steps).padStart(6, '0')}.safetensors`);
  const present = await Promise.all(milestones.map((steps) => exists(fileOf(steps))));
  const missing = milestones.filter((_, i) => !present[i]);
  if (missing.length > 0) await train(lab, settings, training, missing, fileOf);
  const models: Model[] = [];
  for (const steps of milestones) {
    const model = await readModel(fileOf(steps));
    checkSame(lab.path, model.configuration, settings, training);
    models.push(model);
  }
  return { models: models as [Model, ...Model[]], seconds: await trainingSeconds(lab.path) };
}

const timeFile = (path: string): string => join(path, 'training', 'seconds.txt');

/** What training took so far, over all processes; 0 before it. */
async function trainingSeconds(path: string): Promise<number> {
  const file = timeFile(path);
  return (await exists(file)) ? Number(new TextDecoder().decode(await readWhole(file))) : 0;
}

async function train(
  { path, device, output, signal }: Laboratory,
  settings: TrainerSettings,
  training: Dataset,
  milestones: readonly number[],
  fileOf: (steps: number) => string,
): Promise<void> {
  const folder = runFolder(join(path, 'training'));
  const resume = (await exists(folder.checkpoint)) ? await readCheckpoint(folder.checkpoint) : undefined;
  const before = resume?.model.configuration.steps ?? 0;
  if (resume) checkSame(path, resume.model.configuration, settings, training);
  const passed = milestones.find((steps) => steps < before);
  if (passed !== undefined)
    throw new UserError(
      `${path}: holds a run of ${before} steps, which kept no model of step ${passed}; ask for ${before} or more steps, or choose another folder with --out`,
    );
  await prepareFolder(folder, before);
  output.note(
    `${resume ? `goes on from step ${before}` : 'trains'} on ${training.name} (${training.count} images), adapter: ${device.adapter.description || device.adapter.device}`,
  );
  using trainer = await Trainer.create(device, settings, resume ? { resume } : {});
  for (const steps of milestones) {
    const started = performance.now();
    const secondsBefore = await trainingSeconds(path);
    const plan = { steps, reportEvery: REPORT_EVERY, checkpointEvery: CHECKPOINT_EVERY };
    const model = await trainInto(folder, trainer, training, plan, output, signal);
    await writeWhole(timeFile(path), String(secondsBefore + (performance.now() - started) / 1000));
    if (model.configuration.steps < steps) {
      output.note(`saved step ${model.configuration.steps}; the same command goes on from there`);
      throw new Interrupted('interrupted');
    }
    await writeModel(fileOf(steps), model);
  }
}

/** @throws UserError where what lies in the folder was trained otherwise than is asked. */
function checkSame(
  path: string,
  found: ModelConfiguration,
  settings: TrainerSettings,
  training: Dataset,
): void {
  const fix = 'choose another folder with --out, or give the options that it was made with';
  if (found.data !== training.name)
    throw new UserError(
      `${path}: holds a model of ${found.data}, this experiment trains on ${training.name}; ${fix}`,
    );
  for (const key of Object.keys(settings) as (keyof TrainerSettings)[]) {
    const [there, here] = [found.settings[key], settings[key]].map((value) => JSON.stringify(value));
    if (!isDeepStrictEqual(found.settings[key], settings[key]))
      throw new UserError(
        `${path}: holds a model trained with another ${key}: ${key === 'model' ? 'other networks' : `${there}, asked is ${here}`}; ${fix}`,
      );
  }
}

/**
 * The value of `compute`, or what it gave last time for the same `key`. Values are plain objects and arrays.
 * @param key everything that the value depends on, as text.
 */
export async function kept<T>(lab: Laboratory, key: string, compute: () => Promise<T>): Promise<T> {
  const name = createHash('sha256').update(key).digest('hex').slice(0, 24);
  const file = join(lab.path, 'kept', `${name}.bin`);
  if (await exists(file)) return deserialize(await readWhole(file)) as T;
  const value = await compute();
  await writeWhole(file, serialize(value));
  return value;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
