/** A data set in GPU memory: bytes packed four to a word, or floats. */
import type { Dataset } from '../data/dataset.ts';
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';

export interface ResidentData {
  readonly buffer: OwnedBuffer;
  readonly kind: 'bytes' | 'floats';
  /** Words of 4 bytes that the samples take. */
  readonly words: number;
  readonly count: number;
  /** What a byte is multiplied by; 1 for floats. */
  readonly scale: number;
}

/** Uploads a data set. @throws UserError when it exceeds what one binding of the device may hold. */
export function uploadDataset(device: Device, dataset: Dataset): ResidentData {
  const { pixels } = dataset;
  const most = device.gpu.limits.maxStorageBufferBindingSize;
  if (pixels.data.byteLength > most)
    throw new UserError(
      `${dataset.name}: ${pixels.data.byteLength} bytes exceed the ${most} that this device binds at once; train on fewer samples with ?limit=`,
    );
  return {
    buffer: device.storageOf(dataset.name, pixels.data),
    kind: pixels.kind,
    words: Math.ceil(pixels.data.byteLength / 4),
    count: dataset.count,
    scale: pixels.kind === 'bytes' ? pixels.scale : 1,
  };
}
