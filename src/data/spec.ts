/**
 * The words that name a data set: SPEC = source[?selector=value[&selector=value…]]; `gray` has no value.
 *   gaussian:64    glyphs?labels=1&split=test&limit=1000    mnist?split=test    svhn?split=test&gray&size=28
 *   path/to/folder?labels=0,2-9    path/file.gz    path/to/test_32x32.mat?gray
 * Source names are built in; anything else is a path (`./mnist` where a folder has a built-in name).
 */
import { UserError } from '../gpu/errors.ts';

export const SPLITS = ['train', 'test'] as const;
export type Split = (typeof SPLITS)[number];

/** Data sets that have names, and where in the data folder each lies: the first folder of these that there is. */
export const NAMED_FOLDERS = {
  mnist: ['mnist'],
  'fashion-mnist': ['fashion-mnist'],
  svhn: ['svhn'],
  'cifar-10': ['cifar-10/cifar-10-batches-bin', 'cifar-10-batches-bin', 'cifar-10'],
} as const;

const NAMES = Object.keys(NAMED_FOLDERS) as (keyof typeof NAMED_FOLDERS)[];

export type Source =
  | { readonly kind: 'gaussian'; readonly dims: number }
  | { readonly kind: 'glyphs' }
  | { readonly kind: 'named'; readonly name: keyof typeof NAMED_FOLDERS }
  | { readonly kind: 'path'; readonly path: string };

export interface Selectors {
  /** Keep samples with one of these labels. */
  readonly labels?: readonly number[];
  /** Default `train`. */
  readonly split?: Split;
  /** Keep at most this many, after `labels` and `offset`. */
  readonly limit?: number;
  /** Skip this many, after `labels`. Default 0. */
  readonly offset?: number;
  /** Of generated data. Default 0. */
  readonly seed?: number;
  /** Images in grey, ./image-conversion.ts. Default: as they are. */
  readonly gray?: true;
  /** Height and width to which images are brought, after `gray`. Default: as they are. */
  readonly size?: number;
}

export interface Spec {
  readonly source: Source;
  readonly selectors: Selectors;
}

/** Largest dimension of Gaussian data: the basis takes d² numbers and d³ operations. */
export const MAX_GAUSSIAN_DIMS = 1024;

/** Largest height and width that images are brought to. */
const MAX_IMAGE_SIZE = 1024;

const LARGEST_U32 = 0xffffffff;

/** One entry per selector: how its text is read, how a value is checked, how it is written, on which sources it works. */
interface Selector<T> {
  readonly example: string;
  readonly sources: readonly Source['kind'][];
  readonly parse: (text: string) => T | undefined;
  readonly valid: (value: T) => boolean;
  readonly write: (value: T) => string;
  readonly rule: string;
}

const ALL_SOURCES = ['gaussian', 'glyphs', 'named', 'path'] as const;
/** Those of labelled images. */
const IMAGES = ['glyphs', 'named', 'path'] as const;

const wholeNumber = (
  least: number,
  example: string,
  sources: readonly Source['kind'][],
  most = LARGEST_U32,
): Selector<number> => ({
  example,
  sources,
  parse: (text) => (/^\d+$/.test(text) ? Number(text) : undefined),
  valid: (value) => Number.isInteger(value) && value >= least && value <= most,
  write: String,
  rule: `a whole number from ${least} to ${most}`,
});

const SELECTORS: { readonly [K in keyof Selectors]-?: Selector<NonNullable<Selectors[K]>> } = {
  labels: {
    example: 'labels=1 or labels=0,2-9',
    sources: IMAGES,
    parse: parseLabels,
    valid: (labels) =>
      Array.isArray(labels) &&
      labels.length > 0 &&
      labels.every((label) => Number.isInteger(label) && label >= 0),
    write: writeLabels,
    rule: 'labels are whole numbers of 0 or more, with commas and ranges between them',
  },
  split: {
    example: 'split=test',
    sources: ALL_SOURCES,
    parse: (text) => SPLITS.find((split) => split === text),
    valid: (split) => SPLITS.includes(split),
    write: String,
    rule: `one of ${SPLITS.join(', ')}`,
  },
  limit: wholeNumber(1, 'limit=1000', ALL_SOURCES),
  offset: wholeNumber(0, 'offset=500', ALL_SOURCES),
  seed: wholeNumber(0, 'seed=1', ['gaussian', 'glyphs']),
  gray: {
    example: 'gray',
    sources: IMAGES,
    parse: (text) => (text === '' ? true : undefined),
    valid: (gray) => gray === true,
    write: () => '',
    rule: 'it takes no value',
  },
  size: wholeNumber(1, 'size=28', IMAGES, MAX_IMAGE_SIZE),
};

const SELECTOR_NAMES = Object.keys(SELECTORS) as (keyof Selectors)[];

/**
 * Reads a SPEC.
 * @throws UserError for an unknown selector, one that the source does not have, one given twice, and a bad value.
 */
export function parseSpec(text: string): Spec {
  const [sourceText = '', ...queryParts] = text.split('?');
  const source = parseSource(sourceText, text);
  const selectors: Record<string, unknown> = {};
  for (const part of queryParts.join('?').split('&')) {
    if (part === '') continue;
    const [key = '', ...values] = part.split('=');
    const selector = selectorOf(key, text);
    if (key in selectors) throw new UserError(`${text}: ${key} is given twice; give it once`);
    const value = selector.parse(values.join('='));
    if (value === undefined || !selector.valid(value)) throw badValue(text, key, values.join('='), selector);
    selectors[key] = value;
  }
  return checked({ source, selectors }, text);
}

/**
 * A spec with the selectors of an options object added to those of its text.
 * @throws UserError as `parseSpec` does, and where text and options both set one.
 */
export function withSelectors(spec: Spec, options: Selectors): Spec {
  const text = writeSpec(spec);
  const selectors: Record<string, unknown> = { ...spec.selectors };
  for (const [key, value] of Object.entries(options)) {
    const selector = selectorOf(key, text);
    if (value === undefined) continue;
    if (key in spec.selectors)
      throw new UserError(`${text}: ${key} is given twice, in the text and in the options; give it once`);
    if (!selector.valid(value)) throw badValue(text, key, JSON.stringify(value), selector);
    selectors[key] = value;
  }
  return checked({ source: spec.source, selectors }, text);
}

/** The text of a spec, selectors in one fixed order: the name under which its data are shown. */
export function writeSpec({ source, selectors }: Spec): string {
  const query = SELECTOR_NAMES.flatMap((key) => {
    const value = selectors[key];
    if (value === undefined) return [];
    const text = (SELECTORS[key] as Selector<unknown>).write(value);
    return [text === '' ? key : `${key}=${text}`];
  });
  return query.length === 0 ? writeSource(source) : `${writeSource(source)}?${query.join('&')}`;
}

/** The source names for messages. */
export const KNOWN_SOURCES = `gaussian:<dimension>, glyphs, ${NAMES.join(', ')}, or a path`;

function parseSource(text: string, spec: string): Source {
  if (text === '') throw new UserError(`data: '${spec}' names no data set; known: ${KNOWN_SOURCES}`);
  if (text === 'glyphs') return { kind: 'glyphs' };
  const named = NAMES.find((name) => name === text);
  if (named) return { kind: 'named', name: named };
  if (text !== 'gaussian' && !text.startsWith('gaussian:')) return { kind: 'path', path: text };
  const digits = text.slice('gaussian:'.length);
  const dims = /^\d+$/.test(digits) ? Number(digits) : 0;
  if (dims < 1 || dims > MAX_GAUSSIAN_DIMS)
    throw new UserError(
      `${spec}: dimension is '${digits}'; must be a whole number from 1 to ${MAX_GAUSSIAN_DIMS}, as in gaussian:64`,
    );
  return { kind: 'gaussian', dims };
}

function writeSource(source: Source): string {
  switch (source.kind) {
    case 'gaussian':
      return `gaussian:${source.dims}`;
    case 'glyphs':
      return 'glyphs';
    case 'named':
      return source.name;
    case 'path':
      return source.path;
  }
}

function selectorOf(key: string, spec: string): Selector<unknown> {
  if (!Object.hasOwn(SELECTORS, key))
    throw new UserError(`${spec}: unknown selector '${key}'; known: ${SELECTOR_NAMES.join(', ')}`);
  return SELECTORS[key as keyof Selectors] as Selector<unknown>;
}

/** The spec itself, once its source has every selector that is set. */
function checked(spec: Spec, text: string): Spec {
  for (const key of SELECTOR_NAMES) {
    if (spec.selectors[key] !== undefined && !SELECTORS[key].sources.includes(spec.source.kind)) {
      const known = SELECTOR_NAMES.filter((name) => SELECTORS[name].sources.includes(spec.source.kind));
      throw new UserError(`${text}: ${writeSource(spec.source)} has no ${key}; it takes ${known.join(', ')}`);
    }
  }
  return spec;
}

function badValue(spec: string, key: string, value: string, selector: Selector<unknown>): UserError {
  return new UserError(`${spec}: ${key} is '${value}'; ${selector.rule}, as in ${selector.example}`);
}

/** `0,2-4` as [0, 2, 3, 4]; undefined where it is not of that form. */
function parseLabels(text: string): readonly number[] | undefined {
  const labels = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
    if (!match) return undefined;
    const from = Number(match[1]);
    const to = Number(match[2] ?? match[1]);
    if (to < from) return undefined;
    for (let label = from; label <= to; label++) labels.add(label);
  }
  return [...labels].sort((a, b) => a - b);
}

/** [0, 2, 3, 4] as `0,2-4`. */
function writeLabels(labels: readonly number[]): string {
  const parts: string[] = [];
  const sorted = [...new Set(labels)].sort((a, b) => a - b);
  for (let i = 0; i < sorted.length;) {
    let end = i;
    while (sorted[end + 1] === (sorted[end] as number) + 1) end++;
    parts.push(end > i ? `${sorted[i]}-${sorted[end]}` : `${sorted[i]}`);
    i = end + 1;
  }
  return parts.join(',');
}
