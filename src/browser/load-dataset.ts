/** Data sets in a browser: built in, from addresses, or from files that a visitor chose or dropped. */
import type { Dataset } from '../data/dataset.ts';
import { type DataFiles, loadDataset as loadThrough, loadFile } from '../data/load.ts';
import type { Selectors } from '../data/spec.ts';
import { UserError } from '../gpu/errors.ts';
import { fetchBytes } from './fetch-bytes.ts';

/**
 * Loads a data set.
 * @param source a SPEC whose path is an address, e.g. `glyphs?labels=1`, `data/t10k-images-idx3-ubyte.gz?limit=100`; or a File, IDX,
 *   MATLAB or CIFAR-10, gzipped or not; or several Files, of which the first that is no IDX file of labels is read and the others
 *   are found beside it.
 * @param selectors beside those in the text; the same one in both is an error.
 * @throws UserError for a spec that cannot be read, a file that is missing, damaged or of an unknown format, and a selection
 *   that leaves nothing.
 */
export async function loadDataset(
  source: string | File | readonly File[],
  selectors: Selectors = {},
): Promise<Dataset> {
  if (typeof source === 'string') return loadThrough(source, selectors, addresses);
  const files = source instanceof File ? [source] : source;
  const main = files.find(({ name }) => !/labels.idx1/.test(name)) ?? files[0];
  if (!main) throw new UserError('no file was given; give a file of images');
  return loadFile(main.name, selectors, filesGiven(files));
}

const addresses: DataFiles = {
  readFile: async (path) => new Uint8Array(await fetchBytes(path)),
  list: async () => undefined, // a server does not say what else it has
  gunzip,
  inflate,
  dataRoot: '.',
};

function filesGiven(files: readonly File[]): DataFiles {
  return {
    ...addresses,
    readFile: async (path) => {
      const file = files.find(({ name }) => path === name || path.endsWith(`/${name}`));
      if (!file) throw new Error('it was not given');
      return new Uint8Array(await file.arrayBuffer());
    },
    list: async () => files.map(({ name }) => name),
  };
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function* inflate(bytes: Uint8Array<ArrayBuffer>): AsyncGenerator<Uint8Array> {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate')).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}
