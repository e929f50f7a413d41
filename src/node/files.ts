/** Files in Node: how data sets are read, and how results are written so that a failure leaves nothing half-written. */
import { randomBytes } from 'node:crypto';
import {
  access,
  appendFile,
  constants,
  mkdir,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { createInflate, gunzip } from 'node:zlib';
import type { DataFiles } from '../data/load.ts';
import { UserError } from '../gpu/errors.ts';

/** Data sets are found below ENTROPIC_GAN_DATA, default `../shared/data`. */
export const nodeDataFiles: DataFiles = {
  readFile: async (path) => new Uint8Array(await readFile(path)),
  list: async (path) => ((await isFolder(path)) ? readdir(path) : undefined),
  gunzip: async (bytes) => new Uint8Array(await promisify(gunzip)(bytes)),
  inflate,
  get dataRoot() {
    return process.env['ENTROPIC_GAN_DATA'] ?? '../shared/data';
  },
};

/** Bytes inflated at a time. */
const PIECE_BYTES = 2 ** 18;

/** Inflates one whole zlib stream, piece by piece; rejects where the bytes are not one, or more than one. */
async function* inflate(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const stream = createInflate({ chunkSize: PIECE_BYTES });
  stream.end(bytes);
  for await (const piece of stream) yield piece as Uint8Array;
  if (stream.bytesWritten !== bytes.length)
    throw new Error(`${bytes.length - stream.bytesWritten} bytes left over behind the data`);
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Reads a whole file. @throws UserError when it cannot be read. */
export async function readWhole(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new UserError(`${path}: cannot be read (${reason(error)}); check the path`);
  }
}

/**
 * Writes a file under a temporary name and renames it, so that the file is there whole or not at all. Links are followed,
 * and what is no file, a pipe or a device such as /dev/stdout, is written to instead of being replaced.
 * @throws UserError when it cannot be written.
 */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const temporary = `${target}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await makeFolder(dirname(path));
    if (await isStream(target)) return await writeFile(target, content);
    await writeFile(temporary, content);
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw unwritable(path, error);
  }
}

/** Appends to a file. @throws UserError when it cannot be written. */
export async function appendText(path: string, text: string): Promise<void> {
  try {
    await appendFile(path, text);
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): UserError {
  return new UserError(
    `${path}: cannot be written (${reason(error)}); choose a folder that you may write to, with space left`,
  );
}

async function isStream(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => !found.isFile() && !found.isDirectory(),
    () => false,
  );
}

/**
 * Makes a folder and those above it, one by one: `recursive` of Node never comes back where a folder is there and no
 * other can be made in it, as below /proc.
 */
export async function makeFolder(path: string): Promise<void> {
  if (await isFolder(path)) return;
  const parent = dirname(path);
  if (parent !== path) await makeFolder(parent);
  await mkdir(path).catch(async (error: unknown) => {
    if (!(await isFolder(path))) throw error; // else another process has made it
  });
}

/** Makes a folder and makes sure that it can be written to. @throws UserError */
export async function ensureFolder(path: string): Promise<void> {
  try {
    await makeFolder(path);
    await access(path, constants.W_OK);
    const probe = join(path, `.${randomBytes(4).toString('hex')}.tmp`);
    await writeFile(probe, '');
    await rm(probe);
  } catch (error) {
    throw new UserError(
      `${path}: cannot be written (${reason(error)}); choose a folder that you may write to`,
    );
  }
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const known: Record<string, string> = {
    ENOENT: 'no such file or folder',
    EACCES: 'permission denied',
    EPERM: 'not permitted',
    EROFS: 'read-only file system',
    ENOSPC: 'no space left on the device',
    EISDIR: 'it is a folder',
    ENOTDIR: 'part of the path is a file',
    EEXIST: 'part of the path is a file',
  };
  return (code && known[code]) ?? message;
}
