/**
 * CIFAR-10's binary files (Krizhevsky 2009): records of 3073 bytes, without a header,
 *   label    one byte, 0 … 9
 *   pixels   3072 bytes: 32 × 32 of red, row-major, then of green, then of blue
 */
import { UserError } from '../gpu/errors.ts';
import { type Dataset, dataset } from './dataset.ts';
import type { Split } from './spec.ts';

const SIDE = 32;
const CHANNELS = 3;
const PLANE = SIDE * SIDE;
const IMAGE_BYTES = CHANNELS * PLANE;
const RECORD_BYTES = 1 + IMAGE_BYTES;
const CLASSES = 10;

/** Names of the published files. */
export const CIFAR10_FILES: Readonly<Record<Split, readonly string[]>> = {
  train: [1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`),
  test: ['test_batch.bin'],
};

/** True for whole records whose labels are digits: the format has no magic number. */
export function isCifar10(bytes: Uint8Array): boolean {
  if (bytes.length === 0 || bytes.length % RECORD_BYTES !== 0) return false;
  for (let at = 0; at < bytes.length; at += RECORD_BYTES) if ((bytes[at] as number) >= CLASSES) return false;
  return true;
}

/**
 * The data set of a file of records: samples [32, 32, 3], bytes.
 * @param where path of the file, for messages
 * @throws UserError for a file that does not hold whole records, and for a label beyond 9.
 */
export function cifar10Dataset(
  name: string,
  { file, where }: { readonly file: Uint8Array<ArrayBuffer>; readonly where: string },
): Dataset {
  const count = Math.floor(file.length / RECORD_BYTES);
  const over = file.length % RECORD_BYTES;
  if (over !== 0 || count === 0)
    throw new UserError(
      `${where}: ${file.length} bytes are ${count} records of ${RECORD_BYTES} bytes and ${over} more; the file is incomplete or damaged, fetch it again`,
    );
  const data = new Uint8Array(count * IMAGE_BYTES);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const from = i * RECORD_BYTES;
    const label = file[from] as number;
    if (label >= CLASSES)
      throw new UserError(
        `${where}: label ${i} is ${label}, CIFAR-10's are 0 to ${CLASSES - 1}; the file is damaged or of another data set`,
      );
    labels[i] = label;
    for (let c = 0; c < CHANNELS; c++) {
      const plane = from + 1 + c * PLANE;
      for (let p = 0; p < PLANE; p++) data[i * IMAGE_BYTES + p * CHANNELS + c] = file[plane + p] as number;
    }
  }
  return dataset({ data, shape: [count, SIDE, SIDE, CHANNELS], labels, name });
}
