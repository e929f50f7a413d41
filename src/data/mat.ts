/**
 * SVHN's files (Netzer et al. 2011): MATLAB's level 5 MAT-file with two variables,
 *   X  uint8, column-major [height, width, channels, N]: value (h, w, c, n) is byte h + H·(w + W·(c + C·n))
 *   y  N numbers 1 … 10, of which 10 means the digit 0
 * The file: a header of 128 bytes (text, version, and the byte order: "IM" is little-endian, "MI" big-endian), then elements, each a
 * tag (u32 type, u32 bytes) and its data. A variable is an element of type miMATRIX, or of type miCOMPRESSED, the zlib
 * stream of one. Its parts are elements, padded to 8 bytes: flags and class, dimensions, name, values. A part of up to 4
 * bytes may stand within its tag (u16 bytes, u16 type, 4 bytes of data).
 * Compressed variables are read as they inflate: beside the file there is one copy of the pixels in memory, the result.
 */
import { UserError } from '../gpu/errors.ts';
import { type Dataset, dataset } from './dataset.ts';

/** Inflates zlib data in pieces, which may share memory; rejects where the bytes are not one whole zlib stream. */
export type Inflate = (bytes: Uint8Array<ArrayBuffer>) => AsyncIterable<Uint8Array>;

const HEADER_BYTES = 128;
const TAG_BYTES = 8;
const LEVEL_5 = 0x0100;

const MATRIX = 14;
const COMPRESSED = 15;
const INT8 = 1;
const UINT8 = 2;
const INT32 = 5;
const UINT32 = 6;

/** Of the data types that numbers are stored in: bytes of a value, and how it is read. */
const NUMBERS: Readonly<
  Record<
    number,
    { readonly bytes: number; readonly read: (view: DataView, at: number, le: boolean) => number }
  >
> = {
  [INT8]: { bytes: 1, read: (view, at) => view.getInt8(at) },
  [UINT8]: { bytes: 1, read: (view, at) => view.getUint8(at) },
  3: { bytes: 2, read: (view, at, le) => view.getInt16(at, le) },
  4: { bytes: 2, read: (view, at, le) => view.getUint16(at, le) },
  [INT32]: { bytes: 4, read: (view, at, le) => view.getInt32(at, le) },
  [UINT32]: { bytes: 4, read: (view, at, le) => view.getUint32(at, le) },
  7: { bytes: 4, read: (view, at, le) => view.getFloat32(at, le) },
  9: { bytes: 8, read: (view, at, le) => view.getFloat64(at, le) },
};

/** Classes of arrays of real numbers: double, single, int8 … uint32. Others are text, structures, sparse or 64 bits wide. */
const NUMERIC_CLASSES = { first: 6, last: 13 } as const;
const COMPLEX = 0x0800;

/** Parts that are no values are short; a longer one is damaged. */
const LONGEST_PART = 256;
/** Deflate makes no more of a byte. */
const MOST_INFLATION = 1032;
/** Bytes of images turned over at a time. */
const BLOCK_BYTES = 2 ** 18;

/** True for the first bytes of a MAT-file of level 5 or later, which has its own error. */
export function isMat(bytes: Uint8Array): boolean {
  return ascii(bytes.subarray(0, 7)) === 'MATLAB ' || isHdf5(bytes);
}

/**
 * The data set of SVHN's layout in a MAT-file: samples [height, width, channels], bytes; labels 0 … 9.
 * @param where path of the file, for messages
 * @throws UserError for another kind of file, one cut short or damaged, one without X and y, and where they do not fit.
 */
export async function matDataset(
  name: string,
  { file, where }: { readonly file: Uint8Array<ArrayBuffer>; readonly where: string },
  inflate: Inflate,
): Promise<Dataset> {
  const little = littleEndian(file, where);
  let images: Images | undefined;
  let labels: Int32Array<ArrayBuffer> | undefined;
  // All of the elements are found before any is inflated, so that a file cut short is refused at once.
  for (const { compressed, bytes } of elementsOf(file, little, where)) {
    const reader = new Reader(compressed ? inflate(bytes) : onePiece(bytes), little, where);
    try {
      const variable = await openVariable(reader, compressed, bytes.length, where);
      if (variable.name === 'X') images = await readImages(variable, where);
      else if (variable.name === 'y') labels = await readLabels(variable, where);
    } catch (cause) {
      if (cause instanceof UserError) throw cause;
      throw new UserError(
        `${where}: its compressed data are damaged (${String((cause as Error).message ?? cause)}); fetch the file again`,
        { cause },
      );
    } finally {
      await reader.close();
    }
  }
  if (!images || !labels)
    throw new UserError(
      `${where}: holds no variable ${images ? 'y' : 'X'}; SVHN's files hold X (images) and y (labels), give one of them`,
    );
  const { shape, data } = images;
  if (labels.length !== shape[0])
    throw new UserError(
      `${where}: ${labels.length} labels in y for the ${shape[0]} images in X; the file is damaged, fetch it again`,
    );
  return dataset({ data, shape, labels, name });
}

/** Reads the header. @throws UserError unless it is that of level 5. */
function littleEndian(file: Uint8Array<ArrayBuffer>, where: string): boolean {
  if (isHdf5(file) || ascii(file.subarray(0, 10)) === 'MATLAB 7.3')
    throw new UserError(
      `${where}: is a MATLAB 7.3 file (HDF5), level 5 is read; fetch the file as published, or save it with save -v7 in MATLAB`,
    );
  if (file.length < HEADER_BYTES)
    throw cutShort(where, file.length, `${HEADER_BYTES} expected of the header`);
  const mark = ascii(file.subarray(HEADER_BYTES - 2, HEADER_BYTES));
  if (mark !== 'IM' && mark !== 'MI')
    throw new UserError(
      `${where}: not a MAT-file of level 5: its byte order is '${mark}', expected IM or MI; give a file as published`,
    );
  const little = mark === 'IM';
  const version = viewOf(file).getUint16(HEADER_BYTES - 4, little);
  if (version !== LEVEL_5)
    throw new UserError(
      `${where}: its version is 0x${version.toString(16).padStart(4, '0')}, 0x0100 (level 5) is read; save it with save -v7 in MATLAB`,
    );
  return little;
}

interface Element {
  readonly compressed: boolean;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The variables of a file, as they lie in it. @throws UserError where one is cut short, and for anything else. */
function elementsOf(file: Uint8Array<ArrayBuffer>, little: boolean, where: string): Element[] {
  const view = viewOf(file);
  const elements: Element[] = [];
  for (let at = HEADER_BYTES; at < file.length;) {
    const left = file.length - at;
    if (left < TAG_BYTES)
      throw new UserError(
        `${where}: ${left} bytes left over at the end of ${file.length}, no variable is that short; the file is damaged, fetch it again`,
      );
    const type = view.getUint32(at, little);
    const size = view.getUint32(at + 4, little);
    if (type !== MATRIX && type !== COMPRESSED)
      throw new UserError(
        `${where}: what stands at byte ${at} of ${file.length} is no variable: its type is ${type}, expected ${MATRIX} or ${COMPRESSED}; the file is damaged, fetch it again`,
      );
    if (size > left - TAG_BYTES)
      throw cutShort(where, file.length, `${at + TAG_BYTES + size} expected at least`);
    const start = at + TAG_BYTES;
    elements.push({ compressed: type === COMPRESSED, bytes: file.subarray(start, start + size) });
    at = start + size;
  }
  return elements;
}

/** A variable up to its values. */
interface Variable {
  readonly reader: Reader;
  readonly name: string;
  readonly class: number;
  readonly complex: boolean;
  /** At least two. */
  readonly dimensions: readonly number[];
  /** Where the variable ends, in bytes from its first. */
  readonly end: number;
}

async function openVariable(
  reader: Reader,
  compressed: boolean,
  storedBytes: number,
  where: string,
): Promise<Variable> {
  let end = storedBytes;
  if (compressed) {
    const { type, size } = await reader.tag();
    end = TAG_BYTES + size;
    if (type !== MATRIX || end > storedBytes * MOST_INFLATION)
      throw damaged(where, `${storedBytes} compressed bytes claim ${size} bytes of type ${type}`);
  }
  const flags = await reader.part(UINT32, 'flags');
  const dimensions = await reader.part(INT32, 'dimensions');
  const name = await reader.part(INT8, 'name');
  if (flags.length !== 2 || dimensions.length < 2)
    throw damaged(where, 'a variable has no class or dimensions');
  const [word = 0] = flags;
  return {
    reader,
    name: String.fromCharCode(...name),
    class: word & 0xff,
    complex: (word & COMPLEX) !== 0,
    dimensions,
    end,
  };
}

interface Images {
  /** [N, height, width, channels] */
  readonly shape: readonly [number, number, number, number];
  readonly data: Uint8Array<ArrayBuffer>;
}

const UINT8_CLASS = 9;

async function readImages(variable: Variable, where: string): Promise<Images> {
  const { reader, dimensions } = variable;
  // MATLAB drops a last dimension of 1.
  const [height = 0, width = 0, channels = 0, count = 1] = dimensions;
  const rank = dimensions.length;
  if (rank < 3 || rank > 4 || dimensions.some((size) => size < 1) || (channels !== 1 && channels !== 3))
    throw new UserError(
      `${where}: X is [${dimensions.join(', ')}]; must be [height, width, 1 or 3, count], as SVHN's [32, 32, 3, 26032]`,
    );
  const { type, size, inline } = await reader.tag();
  const imageBytes = height * width * channels;
  if (variable.class !== UINT8_CLASS || variable.complex || type !== UINT8)
    throw new UserError(
      `${where}: X has class ${variable.class} and type ${type}; must be uint8 (class ${UINT8_CLASS}, type ${UINT8}), as SVHN's is`,
    );
  if (size !== imageBytes * count || (!inline && reader.position + size > variable.end))
    throw damaged(where, `X holds ${size} bytes, [${dimensions.join(', ')}] takes ${imageBytes * count}`);
  const data = new Uint8Array(size);
  const perBlock = Math.max(1, Math.floor(BLOCK_BYTES / imageBytes));
  for (let first = 0; first < count; first += perBlock) {
    const images = Math.min(perBlock, count - first);
    const block = inline ?? (await reader.take(images * imageBytes));
    for (let i = 0; i < images; i++) {
      const from = block.subarray(i * imageBytes, (i + 1) * imageBytes);
      toRowMajor(data.subarray((first + i) * imageBytes), from, height, width, channels);
    }
  }
  await finish(variable, where);
  return { shape: [count, height, width, channels], data };
}

/** One image, [height, width, channels]: column-major to row-major. */
function toRowMajor(to: Uint8Array, from: Uint8Array, height: number, width: number, channels: number): void {
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let w = 0; w < width; w++) {
      for (let h = 0; h < height; h++) to[(h * width + w) * channels + c] = from[at++] as number;
    }
  }
}

const LARGEST_LABEL = 10;

async function readLabels(variable: Variable, where: string): Promise<Int32Array<ArrayBuffer>> {
  const { reader, dimensions } = variable;
  const count = dimensions.reduce((product, size) => product * size, 1);
  if (dimensions.length !== 2 || !dimensions.includes(1))
    throw new UserError(`${where}: y is [${dimensions.join(', ')}]; must be [count, 1]`);
  const { type, size, inline } = await reader.tag();
  const number = NUMBERS[type];
  const numeric = variable.class >= NUMERIC_CLASSES.first && variable.class <= NUMERIC_CLASSES.last;
  if (!number || !numeric || variable.complex)
    throw new UserError(`${where}: y has class ${variable.class} and type ${type}; must be real numbers`);
  if (size !== count * number.bytes || (!inline && reader.position + size > variable.end))
    throw damaged(where, `y holds ${size} bytes, [${dimensions.join(', ')}] takes ${count * number.bytes}`);
  const view = viewOf(inline ?? (await reader.take(size)));
  const labels = Int32Array.from({ length: count }, (_, i) => {
    const label = number.read(view, i * number.bytes, reader.little);
    if (!Number.isInteger(label) || label < 1 || label > LARGEST_LABEL)
      throw new UserError(
        `${where}: label ${i} in y is ${label}; SVHN's are 1 to ${LARGEST_LABEL}, of which ${LARGEST_LABEL} means 0`,
      );
    return label % LARGEST_LABEL;
  });
  await finish(variable, where);
  return labels;
}

/** Reads on to the end of the data, which checks their checksum. @throws UserError where the variable goes on. */
async function finish({ reader, end }: Variable, where: string): Promise<void> {
  const padding = end - reader.position;
  if (padding < 0 || padding >= TAG_BYTES)
    throw damaged(where, `${padding} bytes follow the values of a variable`);
  await reader.take(padding);
  if (!(await reader.atEnd())) throw damaged(where, 'compressed data go on behind their variable');
}

interface Tag {
  readonly type: number;
  /** Bytes of data. */
  readonly size: number;
  /** The data, where they stand within the tag. */
  readonly inline?: Uint8Array;
}

/** Takes bytes in order from pieces as they come. */
class Reader {
  readonly little: boolean;
  /** Bytes taken. */
  position = 0;
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #where: string;
  #piece: Uint8Array = new Uint8Array();

  constructor(pieces: AsyncIterable<Uint8Array>, little: boolean, where: string) {
    this.#pieces = pieces[Symbol.asyncIterator]();
    this.little = little;
    this.#where = where;
  }

  /** The next `count` bytes, good until more are taken. @throws UserError where there are fewer. */
  async take(count: number): Promise<Uint8Array> {
    if (this.#piece.length < count) {
      const joined = new Uint8Array(count);
      let filled = 0;
      while (filled < count) {
        if (this.#piece.length === 0 && !(await this.#next()))
          throw damaged(this.#where, `a variable ends ${count - filled} bytes early`);
        const part = this.#piece.subarray(0, count - filled);
        joined.set(part, filled);
        filled += part.length;
        this.#piece = this.#piece.subarray(part.length);
      }
      this.position += count;
      return joined;
    }
    const taken = this.#piece.subarray(0, count);
    this.#piece = this.#piece.subarray(count);
    this.position += count;
    return taken;
  }

  async tag(): Promise<Tag> {
    const bytes = (await this.take(TAG_BYTES)).slice();
    const view = viewOf(bytes);
    const word = view.getUint32(0, this.little);
    const small = word >>> 16;
    if (small === 0) return { type: word, size: view.getUint32(4, this.little) };
    if (small > 4) throw damaged(this.#where, `a part within its tag claims ${small} bytes`);
    return { type: word & 0xffff, size: small, inline: bytes.subarray(4, 4 + small) };
  }

  /** The values of a short part of a variable, with the padding behind it. @throws UserError for another type. */
  async part(wanted: number, what: string): Promise<number[]> {
    const { type, size, inline } = await this.tag();
    const number = NUMBERS[wanted] as (typeof NUMBERS)[number];
    if (type !== wanted || size > LONGEST_PART || size % number.bytes !== 0)
      throw damaged(this.#where, `the ${what} of a variable have type ${type} and ${size} bytes`);
    const bytes = inline ?? (await this.take(Math.ceil(size / TAG_BYTES) * TAG_BYTES));
    const view = viewOf(bytes);
    return Array.from({ length: size / number.bytes }, (_, i) =>
      number.read(view, i * number.bytes, this.little),
    );
  }

  async atEnd(): Promise<boolean> {
    while (this.#piece.length === 0) if (!(await this.#next())) return true;
    return false;
  }

  /** Ends the inflation of what nobody wants. */
  async close(): Promise<void> {
    await this.#pieces.return?.();
  }

  async #next(): Promise<boolean> {
    const { done, value } = await this.#pieces.next();
    if (done) return false;
    this.#piece = value;
    return true;
  }
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function damaged(where: string, what: string): UserError {
  return new UserError(`${where}: ${what}; the file is damaged, fetch it again`);
}

function cutShort(where: string, actual: number, expected: string): UserError {
  return new UserError(
    `${where}: cut short: ${actual} bytes, ${expected}; the file is incomplete, fetch it again`,
  );
}

function isHdf5(bytes: Uint8Array): boolean {
  return bytes[0] === 0x89 && ascii(bytes.subarray(1, 4)) === 'HDF';
}

function ascii(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
