/** Model and checkpoint files on disk: read whole and checked, written whole or not at all. */
import type { Checkpoint } from '../gan/checkpoint.ts';
import type { Model } from '../gan/model.ts';
import { decodeCheckpoint, decodeModel, encodeCheckpoint, encodeModel } from '../gan/model-file.ts';
import { readWhole, writeWhole } from './files.ts';

/**
 * Reads a model from a `.safetensors` file that `writeModel` or `writeCheckpoint` wrote.
 * @throws UserError where the file cannot be read, is cut short, of another format or version, or does not hold what
 *   its configuration asks.
 */
export async function readModel(path: string): Promise<Model> {
  return decodeModel((await readWhole(path)).buffer, path);
}

/** Writes a model. @throws UserError where a weight is not finite, or the file cannot be written. */
export async function writeModel(path: string, model: Model): Promise<void> {
  await writeWhole(path, encodeModel(model));
}

/** Reads what a run can be resumed from. Errors as for `readModel`. */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  return decodeCheckpoint((await readWhole(path)).buffer, path);
}

/** Writes what a run can be resumed from. Errors as for `writeModel`. */
export async function writeCheckpoint(path: string, checkpoint: Checkpoint): Promise<void> {
  await writeWhole(path, encodeCheckpoint(checkpoint));
}
