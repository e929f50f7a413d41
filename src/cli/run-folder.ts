/** The folder of a training run, and how a run goes on from it. */
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Checkpoint } from '../gan/checkpoint.ts';
import type { TrainingReport } from '../gan/trainer.ts';
import { UserError } from '../gpu/errors.ts';
import { appendText, ensureFolder, readWhole, writeWhole } from '../node/files.ts';
import { readCheckpoint, writeCheckpoint, writeModel } from '../node/model-files.ts';

export interface RunFolder {
  readonly path: string;
  readonly model: string;
  readonly checkpoint: string;
  /** One JSON object a line, a report each. */
  readonly metrics: string;
  readonly samples: (step: number) => string;
}

export function runFolder(path: string): RunFolder {
  return {
    path,
    model: join(path, 'model.safetensors'),
    checkpoint: join(path, 'checkpoint.safetensors'),
    metrics: join(path, 'metrics.jsonl'),
    samples: (step) => join(path, `samples-${String(step).padStart(6, '0')}.png`),
  };
}

const found = (path: string) =>
  stat(path).then(
    (entry) => entry,
    () => undefined,
  );

/** The checkpoint that `--resume` names, a run's folder or a file, and the folder it lies in. */
export async function resumed(path: string): Promise<{ checkpoint: Checkpoint; folder: string }> {
  const isFolder = (await found(path))?.isDirectory() ?? false;
  return {
    checkpoint: await readCheckpoint(isFolder ? runFolder(path).checkpoint : path),
    folder: isFolder ? path : dirname(path),
  };
}

/** @throws UserError where a folder holds a run already. */
export async function refuseUsed(folder: RunFolder): Promise<void> {
  for (const file of [folder.checkpoint, folder.model]) {
    if (await found(file))
      throw new UserError(
        `${folder.path}: holds a run already (${file}); continue it with --resume ${folder.path}, or choose another folder`,
      );
  }
}

/**
 * Prepares a folder to go on from a step: reports made after it, by a run that ended later, are dropped.
 * @throws UserError where it cannot be written.
 */
export async function prepareFolder(folder: RunFolder, step: number): Promise<void> {
  await ensureFolder(folder.path);
  const text = (await found(folder.metrics)) ? new TextDecoder().decode(await readWhole(folder.metrics)) : '';
  const kept = text.split('\n').filter((line) => line !== '' && reportedStep(line) <= step);
  await writeWhole(folder.metrics, kept.map((line) => `${line}\n`).join(''));
}

/** The step of a line; a line cut short by a crash counts as later than any. */
function reportedStep(line: string): number {
  try {
    return (JSON.parse(line) as TrainingReport).step;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** Appends a report. @throws UserError where it cannot be written. */
export async function appendReport(folder: RunFolder, report: TrainingReport): Promise<void> {
  await appendText(folder.metrics, `${JSON.stringify(report)}\n`);
}

/** Writes model and checkpoint. */
export async function save(folder: RunFolder, checkpoint: Checkpoint): Promise<void> {
  await writeCheckpoint(folder.checkpoint, checkpoint);
  await writeModel(folder.model, checkpoint.model);
}
