/**
 * The IDX format of MNIST and its relatives (LeCun, Cortes & Burges): big-endian
 *   magic  00 00 08 r     (08 = unsigned bytes, r = number of dimensions)
 *   sizes  r × u32        (count, then rows and columns for images)
 *   bytes  one per value, row-major
 */
import { UserError } from '../gpu/errors.ts';
import { type Dataset, dataset } from './dataset.ts';

const IMAGE_RANK = 3;
const LABEL_RANK = 1;
const UNSIGNED_BYTES = 8;
const HOLDS: Readonly<Record<number, string>> = { [IMAGE_RANK]: 'images', [LABEL_RANK]: 'labels' };

/** Grey images, [count, height, width]. */
export interface IdxImages {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** True for the first bytes of an IDX file of unsigned bytes. */
export function isIdx(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes[1] === 0 && bytes[2] === UNSIGNED_BYTES && bytes.length >= 4;
}

/**
 * Decodes a file of images.
 * @param where path of the file, for messages
 * @throws UserError for another kind of file, one cut short, and one with bytes left over.
 */
export function decodeIdxImages(file: Uint8Array<ArrayBuffer>, where: string): IdxImages {
  const { sizes, bytes } = decodeIdx(file, IMAGE_RANK, where);
  const [count, height, width] = sizes as [number, number, number];
  return { count, height, width, bytes };
}

/** Decodes a file of labels, one byte each. Parameters and errors as for the images. */
export function decodeIdxLabels(file: Uint8Array<ArrayBuffer>, where: string): Uint8Array<ArrayBuffer> {
  return decodeIdx(file, LABEL_RANK, where).bytes;
}

/**
 * The data set of an image file and, where given, its label file: samples [height, width, 1], bytes.
 * @throws UserError as the decoders do, and where the two counts differ.
 */
export function idxDataset(
  name: string,
  images: { readonly file: Uint8Array<ArrayBuffer>; readonly where: string },
  labels?: { readonly file: Uint8Array<ArrayBuffer>; readonly where: string },
): Dataset {
  const { count, height, width, bytes } = decodeIdxImages(images.file, images.where);
  const decoded = labels && decodeIdxLabels(labels.file, labels.where);
  if (decoded && decoded.length !== count)
    throw new UserError(
      `${labels.where}: ${decoded.length} labels for the ${count} images of ${images.where}; take both from the same split`,
    );
  return dataset({
    data: bytes,
    shape: [count, height, width, 1],
    ...(decoded && { labels: decoded }),
    name,
  });
}

function decodeIdx(
  file: Uint8Array<ArrayBuffer>,
  rank: number,
  where: string,
): { sizes: readonly number[]; bytes: Uint8Array<ArrayBuffer> } {
  const expectedMagic = [0, 0, UNSIGNED_BYTES, rank];
  if (file.length < 4 || expectedMagic.some((byte, i) => file[i] !== byte)) {
    const other = isIdx(file) && HOLDS[file[3] as number];
    throw new UserError(
      `${where}: not an IDX file of ${HOLDS[rank]}: it starts with ${hex(file.subarray(0, 4))}, expected ${hex(expectedMagic)}` +
        (other
          ? `; these are ${other}, give the file of ${HOLDS[rank]}`
          : '; give a file as published, gzipped or not'),
    );
  }
  const header = 4 + 4 * rank;
  if (file.length < header) throw cutShort(where, 'header', file.length, header);
  const view = new DataView(file.buffer, file.byteOffset, header);
  const sizes = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  if (sizes.includes(0))
    throw new UserError(
      `${where}: holds nothing: its sizes are [${sizes.join(', ')}]; give a file with at least one sample`,
    );
  const expected = header + sizes.reduce((product, size) => product * size, 1);
  const stated = `for ${HOLDS[rank]} of [${sizes.join(', ')}]`;
  if (file.length < expected) throw cutShort(where, stated, file.length, expected);
  if (file.length > expected)
    throw new UserError(
      `${where}: ${file.length - expected} bytes too many: ${file.length} bytes, ${expected} expected ${stated}; the file is damaged, fetch it again`,
    );
  return { sizes, bytes: file.subarray(header) };
}

function cutShort(where: string, what: string, actual: number, expected: number): UserError {
  return new UserError(
    `${where}: cut short: ${actual} bytes, ${expected} expected ${what}; the file is incomplete, fetch it again`,
  );
}

function hex(bytes: ArrayLike<number>): string {
  if (bytes.length === 0) return 'nothing (an empty file)';
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
