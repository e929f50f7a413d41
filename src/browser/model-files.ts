/** Model files in a browser: loaded from an address, a file of the visitor's or bytes, and made for a download. */
import { decodeModel, encodeModel } from '../gan/model-file.ts';
import type { Model } from '../gan/model.ts';
import { UserError } from '../gpu/errors.ts';
import { fetchBytes } from './fetch-bytes.ts';

/** Where a model comes from: the address of a `.safetensors` file, a File or Blob, or its bytes. */
export type ModelSource = string | URL | Blob | ArrayBuffer | Uint8Array;

/**
 * Loads a model that `train`, `writeModel` or `modelFile` wrote.
 * @throws UserError where it cannot be had, is cut short, of another format or version, or does not hold what its
 *   configuration asks.
 */
export async function loadModel(source: ModelSource): Promise<Model> {
  if (source instanceof ArrayBuffer) return decodeModel(source, 'model');
  if (source instanceof Uint8Array) return decodeModel(source.slice().buffer as ArrayBuffer, 'model');
  const isBlob = source instanceof Blob;
  const where = isBlob ? (source instanceof File ? source.name : 'model') : String(source);
  let bytes: ArrayBuffer;
  try {
    bytes = await (isBlob ? source.arrayBuffer() : fetchBytes(source));
  } catch (cause) {
    throw new UserError(
      `${where}: the model cannot be loaded (${(cause as Error).message}); check ${isBlob ? 'that the file is still there' : 'the address'}`,
      { cause },
    );
  }
  return decodeModel(bytes, where);
}

/**
 * The model as a `.safetensors` file, for a download or for storage.
 * @throws UserError where a weight is not finite.
 */
export function modelFile(model: Model, name = 'model.safetensors'): File {
  return new File([encodeModel(model)], name, { type: 'application/octet-stream' });
}
