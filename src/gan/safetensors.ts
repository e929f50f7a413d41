/**
 * The safetensors format:
 *   u64 n (little-endian) · n bytes of JSON, padded with spaces so that data start on a multiple of 8 · tensor data
 *   JSON = { "__metadata__": { name: text }, tensor: { "dtype", "shape", "data_offsets": [begin, end] } }
 * Offsets count from the end of the header, follow one another without gaps, and end where the file ends. Values are
 * little-endian, as they are in the memory of every machine that WebGPU runs on.
 */
import { UserError } from '../gpu/errors.ts';

export type TensorValues = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** A tensor in a file, row-major; F32 or U32 by the type of its values. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: TensorValues;
}

export interface Safetensors {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

const LENGTH_BYTES = 8;
const ALIGNMENT = 8;
const ELEMENT_BYTES = 4;
/** The largest header that the reference implementation reads. */
const LONGEST_HEADER = 100_000_000;

/** The bytes of a file. */
export function encodeSafetensors({ metadata, tensors }: Safetensors): Uint8Array<ArrayBuffer> {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    const begin = end;
    end += data.byteLength;
    header[name] = {
      dtype: data instanceof Float32Array ? 'F32' : 'U32',
      shape,
      data_offsets: [begin, end],
    };
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const headerBytes = Math.ceil(json.length / ALIGNMENT) * ALIGNMENT;
  const file = new Uint8Array(LENGTH_BYTES + headerBytes + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.set(json, LENGTH_BYTES);
  file.fill(' '.charCodeAt(0), LENGTH_BYTES + json.length, LENGTH_BYTES + headerBytes);
  let at = LENGTH_BYTES + headerBytes;
  for (const { data } of tensors.values()) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

/**
 * The metadata and tensors of a file.
 * @param where its path, for messages.
 * @throws UserError where it is cut short, not of this format, or holds something else than F32 and U32.
 */
export function decodeSafetensors(file: ArrayBuffer, where: string): Safetensors {
  const not = (why: string): UserError =>
    new UserError(`${where}: not a safetensors file: ${why}; give a file that training wrote`);
  if (file.byteLength < LENGTH_BYTES) throw not(`it has ${file.byteLength} bytes`);
  const headerBytes = Number(new DataView(file).getBigUint64(0, true));
  if (headerBytes < 2 || headerBytes > LONGEST_HEADER)
    throw not(`its first 8 bytes state a header of ${headerBytes} bytes`);
  const dataStart = LENGTH_BYTES + headerBytes;
  if (dataStart > file.byteLength) throw cutShort(where, file.byteLength, dataStart);
  const header = parseHeader(new Uint8Array(file, LENGTH_BYTES, headerBytes));
  if (!header) throw not('its header is not a JSON object');
  const { __metadata__: metadata = {}, ...entries } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string'))
    throw not('its __metadata__ is not a map of texts');
  const stored = Object.entries(entries).map(([name, entry]) => {
    const read = readEntry(entry);
    if (!read) throw not(`the entry of tensor ${name} is ${JSON.stringify(entry)}`);
    return { name, ...read };
  });
  const tensors = new Map<string, StoredTensor>();
  let end = 0;
  for (const { name, dtype, shape, offsets } of stored.sort((a, b) => a.offsets[0] - b.offsets[0])) {
    if (dtype !== 'F32' && dtype !== 'U32')
      throw new UserError(
        `${where}: tensor ${name} is of type ${String(dtype)}; F32 and U32 can be read, convert it`,
      );
    const begin = end;
    end += shape.reduce((product, size) => product * size, ELEMENT_BYTES);
    if (offsets[0] !== begin || offsets[1] !== end)
      throw not(
        `tensor ${name} of shape [${shape.join(', ')}] lies from ${offsets[0]} to ${offsets[1]}, must lie from ${begin} to ${end}`,
      );
    const data = file.slice(dataStart + begin, dataStart + end);
    if (data.byteLength < end - begin) continue; // said below, for the whole file
    tensors.set(name, { shape, data: dtype === 'F32' ? new Float32Array(data) : new Uint32Array(data) });
  }
  const expected = dataStart + end;
  if (file.byteLength < expected) throw cutShort(where, file.byteLength, expected);
  if (file.byteLength > expected)
    throw not(`it has ${file.byteLength} bytes, its header accounts for ${expected}`);
  return { metadata: metadata as Record<string, string>, tensors };
}

function cutShort(where: string, actual: number, expected: number): UserError {
  return new UserError(
    `${where}: cut short: ${actual} bytes, ${expected} expected; the file is incomplete, copy it again or train again`,
  );
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function parseHeader(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return isRecord(header) ? header : undefined;
  } catch {
    return undefined;
  }
}

function readEntry(
  entry: unknown,
): { dtype: unknown; shape: readonly number[]; offsets: readonly [number, number] } | undefined {
  if (!isRecord(entry)) return undefined;
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!Array.isArray(shape) || !shape.every(isCount)) return undefined;
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) return undefined;
  return { dtype, shape, offsets: offsets as [number, number] };
}
