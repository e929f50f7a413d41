/** From a SPEC to its data set: generated, or found, read, inflated and decoded through the functions handed in. */
import { UserError } from '../gpu/errors.ts';
import { CIFAR10_FILES, cifar10Dataset, isCifar10 } from './cifar10.ts';
import { type Dataset, mergeLike, select } from './dataset.ts';
import { gaussianData } from './gaussian.ts';
import { glyphs } from './glyphs.ts';
import { idxDataset, isIdx } from './idx.ts';
import { convertImages } from './image-conversion.ts';
import { type Inflate, isMat, matDataset } from './mat.ts';
import {
  KNOWN_SOURCES,
  NAMED_FOLDERS,
  type Selectors,
  SPLITS,
  type Split,
  parseSpec,
  withSelectors,
  writeSpec,
} from './spec.ts';

/** What a data set needs of its environment. Paths are joined with `/`. */
export interface DataFiles {
  /** Rejects where the file cannot be read. */
  readonly readFile: (path: string) => Promise<Uint8Array<ArrayBuffer>>;
  /** Names in a folder; undefined where there is no such folder. */
  readonly list: (path: string) => Promise<readonly string[] | undefined>;
  /** Rejects where the bytes are not whole gzip data. */
  readonly gunzip: (bytes: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>;
  readonly inflate: Inflate;
  /** Folder of the data sets that have names, as ENTROPIC_GAN_DATA gives it. */
  readonly dataRoot: string;
}

/** A file's bytes, inflated. */
interface DataFile {
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A file format. To add one, write its decoder and put its entry into FORMATS. */
interface Format {
  readonly name: string;
  /** The files of a split among the names in a folder; none where the folder holds another format. */
  readonly filesOf: (split: Split, names: readonly string[]) => readonly string[];
  /** What `filesOf` looks for, for messages. */
  readonly expects: (split: Split) => string;
  readonly recognises: (file: DataFile) => boolean;
  readonly decode: (file: DataFile, name: string, help: DecodingHelp) => Promise<Dataset> | Dataset;
}

interface DecodingHelp {
  /** Reads the first of the named files that lies in the same folder. */
  readonly beside: (names: readonly string[]) => Promise<DataFile | undefined>;
  readonly inflate: Inflate;
}

/** A published file among the names in a folder, gzipped or not. */
function present(published: string, names: readonly string[]): string | undefined {
  return [published, `${published}.gz`].find((name) => names.includes(name));
}

const IDX_PREFIX: Readonly<Record<Split, string>> = { train: 'train', test: 't10k' };

const idx: Format = {
  name: 'IDX',
  filesOf: (split, names) => {
    const wanted = [`${IDX_PREFIX[split]}-images-idx3-ubyte`, `${IDX_PREFIX[split]}-images.idx3-ubyte`];
    const [file] = wanted.flatMap((name) => present(name, names) ?? []);
    return file === undefined ? [] : [file];
  },
  expects: (split) => `${IDX_PREFIX[split]}-images-idx3-ubyte[.gz]`,
  recognises: ({ bytes }) => isIdx(bytes),
  decode: async ({ path, bytes }, name, { beside }) => {
    const bare = fileName(path).replace(/\.gz$/, '');
    const labelName = bare.replace('images', 'labels').replace('idx3', 'idx1');
    const labels = labelName === bare ? undefined : await beside([labelName, `${labelName}.gz`]);
    return idxDataset(
      name,
      { file: bytes, where: path },
      labels && { file: labels.bytes, where: labels.path },
    );
  },
};

const mat: Format = {
  name: 'MATLAB level 5 (SVHN)',
  // The published file, else the only one that calls itself a part of it, as test_2000_32x32.mat does.
  filesOf: (split, names) => {
    const whole = present(`${split}_32x32.mat`, names);
    const parts = names.filter((name) => new RegExp(`^${split}_\\w+_32x32\\.mat(\\.gz)?$`).test(name));
    return whole !== undefined ? [whole] : parts.length === 1 ? parts : [];
  },
  expects: (split) => `${split}_32x32.mat (else one ${split}_<part>_32x32.mat)`,
  recognises: ({ bytes }) => isMat(bytes),
  decode: ({ path, bytes }, name, { inflate }) => matDataset(name, { file: bytes, where: path }, inflate),
};

const cifar10: Format = {
  name: 'CIFAR-10 binary',
  // All batches or none: a split that lacks one is not the published split.
  filesOf: (split, names) => {
    const files = CIFAR10_FILES[split].flatMap((name) => present(name, names) ?? []);
    return files.length === CIFAR10_FILES[split].length ? files : [];
  },
  expects: (split) => [...new Set([CIFAR10_FILES[split].at(0), CIFAR10_FILES[split].at(-1)])].join(' … '),
  // By name too, so that a published file that was cut short is told from one of another kind.
  recognises: ({ path, bytes }) =>
    isCifar10(bytes) ||
    SPLITS.some((split) => CIFAR10_FILES[split].includes(fileName(path).replace(/\.gz$/, ''))),
  decode: ({ path, bytes }, name) => cifar10Dataset(name, { file: bytes, where: path }),
};

/** The first that recognises a file decodes it: those with a magic number come first. */
const FORMATS: readonly Format[] = [idx, mat, cifar10];

/**
 * Loads the data set that a SPEC names.
 * @param text `gaussian:64`, `glyphs?labels=1`, `mnist?split=test&limit=1000`, a folder, or a file
 * @param options selectors beside those in the text
 * @throws UserError for a spec that cannot be read, a file that is missing, damaged or of an unknown format, and a
 *   selection that leaves nothing.
 */
export async function loadDataset(text: string, options: Selectors, io: DataFiles): Promise<Dataset> {
  const spec = withSelectors(parseSpec(text), options);
  const { source } = spec;
  const { gray, size, ...selectors } = spec.selectors;
  const name = writeSpec(spec);
  const converted = (set: Dataset): Dataset => convertedTo({ gray, size }, set, name);
  switch (source.kind) {
    case 'gaussian':
      return { ...gaussianData({ dims: source.dims, ...selectors }).dataset, name };
    case 'glyphs':
      return converted(glyphs(selectors));
    case 'named': {
      const { folder, names } = await namedFolder(source.name, io);
      return converted(select(await loadFolder(folder, names, selectors.split, name, io), selectors));
    }
    case 'path': {
      const names = await io.list(source.path);
      const set = names
        ? await loadFolder(source.path, names, selectors.split, name, io)
        : await readFileOf(source.path, selectors.split, name, io);
      return converted(select(set, selectors));
    }
  }
}

/**
 * Loads one file, whatever characters its name holds.
 * @throws UserError as `loadDataset` does.
 */
export async function loadFile(path: string, options: Selectors, io: DataFiles): Promise<Dataset> {
  const { gray, size, ...selectors } = options;
  const set = await readFileOf(path, selectors.split, path, io);
  return convertedTo({ gray, size }, select(set, selectors), path);
}

/** The images in grey or in another size, where that is asked for. */
function convertedTo(
  { gray, size }: { readonly gray: true | undefined; readonly size: number | undefined },
  set: Dataset,
  name: string,
): Dataset {
  const asked = gray || size !== undefined;
  return { ...(asked ? convertImages(set, { ...(gray && { gray }), ...(size && { size }) }) : set), name };
}

/** The first of the folders that a named data set may lie in. */
async function namedFolder(
  source: keyof typeof NAMED_FOLDERS,
  io: DataFiles,
): Promise<{ folder: string; names: readonly string[] }> {
  const folders = NAMED_FOLDERS[source].map((folder) => within(io.dataRoot, folder));
  for (const folder of folders) {
    const names = await io.list(folder);
    if (names) return { folder, names };
  }
  throw new UserError(
    `${source}: no folder ${folders.join(' or ')}; put the files of ${source} there, or name the folder that holds ${NAMED_FOLDERS[source].at(-1)}/ in ENTROPIC_GAN_DATA`,
  );
}

async function loadFolder(
  folder: string,
  names: readonly string[],
  split: Split = 'train',
  name: string,
  io: DataFiles,
): Promise<Dataset> {
  for (const format of FORMATS) {
    const [first, ...others] = format.filesOf(split, names);
    if (first === undefined) continue;
    const one = async (file: string): Promise<Dataset> =>
      decodeFile(await readData(within(folder, file), io), name, io);
    const sets: [Dataset, ...Dataset[]] = [await one(first)];
    for (const file of others) sets.push(await one(file));
    return mergeLike(sets, name);
  }
  const other = SPLITS.find((candidate) =>
    FORMATS.some((format) => format.filesOf(candidate, names).length > 0),
  );
  const expected = FORMATS.map((format) => format.expects(split)).join(' or ');
  throw new UserError(
    `${folder}: holds no ${split} images: looked for ${expected}; ` +
      (other ? `it holds ${other} images, give split=${other}` : `it holds ${shortList(names)}`),
  );
}

async function readFileOf(
  path: string,
  split: Split | undefined,
  name: string,
  io: DataFiles,
): Promise<Dataset> {
  const file = await readData(path, io);
  if (split)
    throw new UserError(
      `${path}: split=${split} is for folders, this is one file; drop split, or give the folder`,
    );
  return decodeFile(file, name, io);
}

async function decodeFile(file: DataFile, name: string, io: DataFiles): Promise<Dataset> {
  const format = FORMATS.find((candidate) => candidate.recognises(file));
  if (!format) {
    const start = [...file.bytes.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw new UserError(
      `${file.path}: unknown format: ${file.bytes.length} bytes, starting with ${start || 'nothing'}; known: ${FORMATS.map((known) => known.name).join(', ')}, gzipped or not`,
    );
  }
  const folder = folderOf(file.path);
  const beside = async (wanted: readonly string[]): Promise<DataFile | undefined> => {
    const names = await io.list(folder);
    const found = wanted.find((candidate) => names?.includes(candidate));
    return found === undefined ? undefined : readData(within(folder, found), io);
  };
  return format.decode(file, name, { beside, inflate: io.inflate });
}

/** Reads a file and inflates it where its first bytes are those of gzip. */
async function readData(path: string, io: DataFiles): Promise<DataFile> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await io.readFile(path);
  } catch (cause) {
    throw new UserError(
      `${path}: cannot be read (${reasonOf(cause)}); give ${KNOWN_SOURCES} to a folder or file`,
      { cause },
    );
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return { path, bytes };
  try {
    return { path, bytes: await io.gunzip(bytes) };
  } catch (cause) {
    throw new UserError(
      `${path}: its gzip data are damaged or cut short at ${bytes.length} bytes (${reasonOf(cause)}); fetch the file again`,
      { cause },
    );
  }
}

function reasonOf(cause: unknown): string {
  const { code, message } = cause as { code?: unknown; message?: unknown };
  return code === 'ENOENT' ? 'no such file or folder' : String(message ?? cause);
}

/** Where the last separator of a path stands, -1 in a bare name. */
function lastSeparator(path: string): number {
  return Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\'));
}

function fileName(path: string): string {
  return path.slice(lastSeparator(path) + 1);
}

/** The folder of a file; `.` for a bare name. */
function folderOf(path: string): string {
  return path.slice(0, lastSeparator(path) + 1) || '.';
}

function within(folder: string, name: string): string {
  return /[/\\]$/.test(folder) ? folder + name : `${folder}/${name}`;
}

function shortList(names: readonly string[]): string {
  if (names.length === 0) return 'nothing';
  return names.length <= 4
    ? names.join(', ')
    : `${names.slice(0, 4).join(', ')} and ${names.length - 4} more`;
}
