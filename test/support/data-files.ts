/** Where the tests of data sets get files from: memory, or the real data folder. */
import { readFile, readdir } from 'node:fs/promises';
import type { DataFiles } from '../../src/data/load.ts';
import { nodeDataFiles } from '../../src/node/files.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

export function joined(...parts: readonly Uint8Array[]): Bytes {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const { gunzip, inflate } = nodeDataFiles;

/** Files that exist only here, under `root`. */
export function memoryFiles(files: Readonly<Record<string, Uint8Array>>, root = 'root'): DataFiles {
  return {
    dataRoot: root,
    readFile: async (path) => {
      const bytes = files[path.replace(/^\.\//, '')];
      if (!bytes) throw Object.assign(new Error('no entry'), { code: 'ENOENT' });
      return Uint8Array.from(bytes);
    },
    list: async (folder) => {
      const prefix = folder === '.' ? '' : `${folder.replace(/\/$/, '')}/`;
      const names = Object.keys(files).filter(
        (path) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'),
      );
      return names.length > 0 ? names.map((path) => path.slice(prefix.length)) : undefined;
    },
    gunzip,
    inflate,
  };
}

export const dataRoot = process.env['ENTROPIC_GAN_DATA'] ?? '../shared/data';

export const realFiles: DataFiles = {
  dataRoot,
  readFile: async (path) => Uint8Array.from(await readFile(path)),
  list: async (path) => readdir(path).catch(() => undefined),
  gunzip,
  inflate,
};
