/**
 * A data set in host memory: `count` samples of one shape, row-major, with labels where there are any.
 *   value = byte · 1/255 for 8-bit pixels, kept as bytes;   value = float as given, for everything else.
 * Images are [height, width, channels]; vectors are [d].
 */
import { UserError } from '../gpu/errors.ts';

/** Sample values as they are stored: `data` is [count, ...shape]. */
export type Pixels =
  | {
      readonly kind: 'bytes';
      readonly data: Uint8Array<ArrayBuffer>;
      /** value = float32(scale) · byte, rounded to float32: the GPU's product, bit for bit. */
      readonly scale: number;
    }
  | { readonly kind: 'floats'; readonly data: Float32Array<ArrayBuffer> };

export interface Dataset {
  /** Shown in tables, legends and errors. */
  readonly name: string;
  /** Shape of one sample: [28, 28, 1] or [64]. */
  readonly shape: readonly number[];
  readonly count: number;
  readonly pixels: Pixels;
  /** [count]; absent where the data have none. */
  readonly labels?: Int32Array<ArrayBuffer>;
  /** True where values are 8-bit integers divided by 255, so that bits per dimension get + log₂ 255. */
  readonly bits8: boolean;
}

export interface DatasetOptions {
  /** [count, ...sample], row-major; bytes mean value = byte / 255. Not copied: leave it unchanged afterwards. */
  readonly data: Float32Array | Uint8Array;
  /** [count, ...shape of one sample]. */
  readonly shape: readonly number[];
  /** One whole number per sample. */
  readonly labels?: ArrayLike<number>;
  /** Default `data`. */
  readonly name?: string;
  /** Says of floats that they are 8-bit integers divided by 255. Bytes always are. Default false. */
  readonly bits8?: boolean;
}

/** What `select` keeps: first by label, then `offset` samples are skipped, then at most `limit` kept. */
export interface Selection {
  readonly labels?: readonly number[];
  readonly offset?: number;
  readonly limit?: number;
}

/** The scale of 8-bit pixels: values from 0 to 1. */
export const BYTE_SCALE = 1 / 255;

/** Number of values in a sample. */
export function sampleSize(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * A data set of arrays in memory.
 * @throws UserError where the length does not fit the shape, a value is not finite, or labels do not fit.
 */
export function dataset({ data, shape, labels, name = 'data', bits8 = false }: DatasetOptions): Dataset {
  const [count = 0, ...sample] = shape;
  if (shape.length < 2 || shape.some((size) => !Number.isInteger(size) || size < 1))
    throw new UserError(
      `${name}: shape is [${shape.join(', ')}]; must be [count, ...sample], whole numbers of 1 or more, as in [100, 28, 28, 1]`,
    );
  const expected = count * sampleSize(sample);
  if (data.length !== expected)
    throw new UserError(
      `${name}: data holds ${data.length} values, shape [${shape.join(', ')}] takes ${expected}; give both the same count`,
    );
  if (labels && labels.length !== count)
    throw new UserError(`${name}: ${labels.length} labels for ${count} samples; give one label per sample`);
  return {
    name,
    shape: sample,
    count,
    pixels: pixelsOf(data, sample, name),
    ...(labels && { labels: checkedLabels(labels, name) }),
    bits8: bits8 || data instanceof Uint8Array,
  };
}

/**
 * The chosen part of a data set. Without `labels` it is a view of the same memory, with them a copy.
 * @throws UserError where nothing is left, and where labels are asked of data that have none.
 */
export function select(
  set: Dataset,
  { labels, offset = 0, limit = Number.POSITIVE_INFINITY }: Selection,
): Dataset {
  if (!labels) {
    const end = Math.min(offset + limit, set.count);
    if (end <= offset) throw nothingLeft(set, { offset, limit }, set.count);
    return slice(set, offset, end);
  }
  const { labels: all } = set;
  if (!all)
    throw new UserError(
      `${set.name}: has no labels, so labels=${labels.join(',')} cannot be chosen; drop labels`,
    );
  const wanted = new Set(labels);
  const matching: number[] = [];
  all.forEach((label, index) => {
    if (wanted.has(label)) matching.push(index);
  });
  const kept = matching.slice(offset, offset + limit);
  if (kept.length === 0) {
    if (matching.length > 0) throw nothingLeft(set, { offset, limit }, matching.length);
    const present = [...new Set(all)].sort((a, b) => a - b);
    throw new UserError(
      `${set.name}: no sample is labelled ${labels.join(' or ')}; its labels are ${present.join(', ')}`,
    );
  }
  return gather(set, kept);
}

/**
 * Samples start … start + count − 1 as float32 values, [count, ...shape].
 * @throws UserError where the range leaves the data set.
 */
export function rows(set: Dataset, start: number, count: number): Float32Array<ArrayBuffer> {
  if (
    !Number.isInteger(start) ||
    !Number.isInteger(count) ||
    start < 0 ||
    count < 0 ||
    start + count > set.count
  )
    throw new UserError(
      `${set.name}: rows ${start} to ${start + count - 1} asked for, it has 0 to ${set.count - 1}`,
    );
  const size = sampleSize(set.shape);
  const { pixels } = set;
  if (pixels.kind === 'floats') return pixels.data.slice(start * size, (start + count) * size);
  const scale = Math.fround(pixels.scale);
  const values = new Float32Array(count * size);
  // A loop: `from` with a function takes many times as long.
  for (let i = 0; i < values.length; i++) values[i] = (pixels.data[start * size + i] as number) * scale;
  return values;
}

/**
 * One data set of several whose samples have the same shape, in order; bytes where all are bytes, labels where all have them.
 * @throws UserError where a shape differs.
 */
export function mergeLike(sets: readonly [Dataset, ...Dataset[]], name: string = sets[0].name): Dataset {
  const [first, ...others] = sets;
  if (others.length === 0) return { ...first, name };
  for (const other of others) {
    if (other.shape.join() !== first.shape.join())
      throw new UserError(
        `${name}: samples of ${first.name} are [${first.shape.join(', ')}], of ${other.name} [${other.shape.join(', ')}]; only like samples merge`,
      );
  }
  const count = sets.reduce((sum, set) => sum + set.count, 0);
  const size = sampleSize(first.shape);
  const bytes = sets.every((set) => set.pixels.kind === 'bytes');
  const data = bytes ? new Uint8Array(count * size) : new Float32Array(count * size);
  const labels = sets.every((set) => set.labels) ? new Int32Array(count) : undefined;
  let at = 0;
  for (const set of sets) {
    data.set(bytes ? set.pixels.data : rows(set, 0, set.count), at * size);
    if (set.labels) labels?.set(set.labels, at);
    at += set.count;
  }
  const bits8 = sets.every((set) => set.bits8);
  return dataset({ data, shape: [count, ...first.shape], ...(labels && { labels }), name, bits8 });
}

/** Where a value stands, for messages: `sample 3, value [0, 5, 0]`. */
function position(index: number, sample: readonly number[]): string {
  const size = sampleSize(sample);
  let rest = index % size;
  const within: number[] = [];
  for (const extent of sample.toReversed()) {
    within.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return `sample ${Math.floor(index / size)}, value [${within.join(', ')}]`;
}

function pixelsOf(data: Float32Array | Uint8Array, sample: readonly number[], name: string): Pixels {
  if (data instanceof Uint8Array) return { kind: 'bytes', data: unshared(data), scale: BYTE_SCALE };
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new UserError(
      `${name}: ${position(bad, sample)} is ${data[bad]}; every value must be a finite number`,
    );
  return { kind: 'floats', data: unshared(data) };
}

/** Memory that a GPU queue can read: the same array, or a copy where it is shared between threads. */
function unshared(data: Uint8Array): Uint8Array<ArrayBuffer>;
function unshared(data: Float32Array): Float32Array<ArrayBuffer>;
function unshared(data: Uint8Array | Float32Array): Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer> {
  return data.buffer instanceof ArrayBuffer ? (data as Uint8Array<ArrayBuffer>) : data.slice();
}

function checkedLabels(labels: ArrayLike<number>, name: string): Int32Array<ArrayBuffer> {
  const checked = Int32Array.from(labels);
  const bad = checked.findIndex((label, index) => label !== labels[index]);
  if (bad >= 0) throw new UserError(`${name}: label ${bad} is ${labels[bad]}; labels are whole numbers`);
  return checked;
}

function slice(set: Dataset, start: number, end: number): Dataset {
  const size = sampleSize(set.shape);
  const { pixels, labels } = set;
  return {
    ...set,
    count: end - start,
    pixels:
      pixels.kind === 'bytes'
        ? { ...pixels, data: pixels.data.subarray(start * size, end * size) }
        : { ...pixels, data: pixels.data.subarray(start * size, end * size) },
    ...(labels && { labels: labels.subarray(start, end) }),
  };
}

function gather(set: Dataset, indices: readonly number[]): Dataset {
  const size = sampleSize(set.shape);
  const { pixels, labels } = set;
  const copy = <T extends Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer>>(from: T, to: T): T => {
    indices.forEach((index, row) => to.set(from.subarray(index * size, (index + 1) * size), row * size));
    return to;
  };
  return {
    ...set,
    count: indices.length,
    pixels:
      pixels.kind === 'bytes'
        ? { ...pixels, data: copy(pixels.data, new Uint8Array(indices.length * size)) }
        : { ...pixels, data: copy(pixels.data, new Float32Array(indices.length * size)) },
    ...(labels && { labels: Int32Array.from(indices, (index) => labels[index] as number) }),
  };
}

function nothingLeft(
  set: Dataset,
  { offset, limit }: { offset: number; limit: number },
  available: number,
): UserError {
  return new UserError(
    `${set.name}: offset ${offset} and limit ${limit} leave nothing of ${available} samples; lower the offset or raise the limit`,
  );
}
