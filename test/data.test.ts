/** Data sets in memory, decoders, the SPEC syntax, and the generated data. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type Dataset, dataset, mergeLike, rows, select } from '../src/data/dataset.ts';
import { GAUSSIAN_COUNTS, SPECTRUM_RANGE, gaussianData } from '../src/data/gaussian.ts';
import { GLYPH_COUNTS, glyphs } from '../src/data/glyphs.ts';
import { decodeIdxImages, decodeIdxLabels, idxDataset } from '../src/data/idx.ts';
import { loadDataset } from '../src/data/load.ts';
import { parseSpec, withSelectors, writeSpec } from '../src/data/spec.ts';
import { UserError } from '../src/gpu/errors.ts';
import { type Bytes, dataRoot, joined, memoryFiles, realFiles } from './support/data-files.ts';

/** A file of the IDX format: magic, big-endian sizes, bytes. */
function idxFile(sizes: readonly number[], bytes: ArrayLike<number>): Bytes {
  const header = new Uint8Array(4 + 4 * sizes.length);
  header.set([0, 0, 8, sizes.length]);
  sizes.forEach((size, i) => new DataView(header.buffer).setUint32(4 + 4 * i, size));
  return joined(header, Uint8Array.from(bytes));
}

const counting = (count: number): number[] => Array.from({ length: count }, (_, i) => i % 256);
const bytesOf = (set: Dataset): Bytes => {
  if (set.pixels.kind !== 'bytes') throw new Error('bytes expected');
  return set.pixels.data;
};
const floatsOf = (set: Dataset): Float32Array => {
  if (set.pixels.kind !== 'floats') throw new Error('floats expected');
  return set.pixels.data;
};
const mnistFolder = `${dataRoot}/mnist`;
const noMnist = existsSync(mnistFolder)
  ? false
  : `no folder ${mnistFolder}; ENTROPIC_GAN_DATA names the data folder`;

/** Names the missing data in the list of skipped tests. */
const withReason = (name: string): string => (noMnist ? `${name} (${noMnist})` : name);

describe('dataset', () => {
  it('keeps bytes as bytes and reads them as the float32 product of byte and 1/255', () => {
    const set = dataset({ data: Uint8Array.from(counting(256)), shape: [64, 2, 2, 1] });
    expect(set).toMatchObject({ name: 'data', shape: [2, 2, 1], count: 64, bits8: true });
    const values = rows(set, 0, 64);
    expect(values[0]).toBe(0);
    expect(values[255]).toBe(1);
    // Half an ulp of the product, and 255 times half an ulp of the scale.
    const allowance = 2 ** -25 + 255 * 2 ** -32;
    values.forEach((value, byte) => expect(Math.abs(value - byte / 255)).toBeLessThan(allowance));
    expect([...rows(set, 63, 1)]).toEqual([...values.subarray(252)]);
  });

  it('keeps floats and copies rows', () => {
    const data = Float32Array.from([1, -2, 3, -4]);
    const set = dataset({ data, shape: [2, 2], labels: [5, 7], name: 'mine' });
    expect(set).toMatchObject({ name: 'mine', shape: [2], count: 2, bits8: false });
    expect([...(set.labels ?? [])]).toEqual([5, 7]);
    const row = rows(set, 1, 1);
    row[0] = 9;
    expect([...data]).toEqual([1, -2, 3, -4]);
  });

  it('says what does not fit', () => {
    const data = new Float32Array(12);
    const make = (options: Partial<Parameters<typeof dataset>[0]>) => () =>
      dataset({ data, shape: [3, 2, 2], name: 'mine', ...options });
    expect(make({ shape: [3, 2] })).toThrow(
      'mine: data holds 12 values, shape [3, 2] takes 6; give both the same count',
    );
    expect(make({ shape: [12] })).toThrow('mine: shape is [12]');
    expect(make({ shape: [0, 12] })).toThrow('mine: shape is [0, 12]');
    expect(make({ labels: [1, 2] })).toThrow('mine: 2 labels for 3 samples');
    expect(make({ labels: [1, 2.5, 3] })).toThrow('mine: label 1 is 2.5; labels are whole numbers');
    data[7] = Number.NaN;
    expect(make({})).toThrow('mine: sample 1, value [1, 1] is NaN; every value must be a finite number');
    data[7] = 0;
    data[8] = Number.NEGATIVE_INFINITY;
    expect(make({})).toThrow('mine: sample 2, value [0, 0] is -Infinity');
    expect(make({})).toThrow(UserError);
    expect(() => rows(dataset({ data: new Uint8Array(4), shape: [4, 1] }), 3, 2)).toThrow(
      'rows 3 to 4 asked for, it has 0 to 3',
    );
  });

  it('copies memory shared between threads, which a GPU queue cannot read', () => {
    const set = dataset({ data: new Uint8Array(new SharedArrayBuffer(4)), shape: [4, 1] });
    expect(set.pixels.data.buffer).toBeInstanceOf(ArrayBuffer);
  });
});

describe('select', () => {
  const set = dataset({
    data: Uint8Array.from(counting(20)),
    shape: [10, 2],
    labels: [0, 1, 2, 0, 1, 2, 0, 1, 2, 0],
    name: 'ten',
  });

  it('keeps labels first, then skips, then limits', () => {
    const chosen = select(set, { labels: [0, 2], offset: 1, limit: 3 });
    expect([...bytesOf(chosen)]).toEqual([4, 5, 6, 7, 10, 11]);
    expect([...(chosen.labels ?? [])]).toEqual([2, 0, 2]);
    expect(chosen.count).toBe(3);
  });

  it('is a view of the same memory without labels', () => {
    const chosen = select(set, { offset: 8, limit: 100 });
    expect([...bytesOf(chosen)]).toEqual([16, 17, 18, 19]);
    expect([...(chosen.labels ?? [])]).toEqual([2, 0]);
    expect(bytesOf(chosen).buffer).toBe(bytesOf(set).buffer);
    expect(select(set, {}).count).toBe(10);
  });

  it('says why nothing is left', () => {
    expect(() => select(set, { labels: [7, 8] })).toThrow(
      'ten: no sample is labelled 7 or 8; its labels are 0, 1, 2',
    );
    expect(() => select(set, { offset: 10 })).toThrow('leave nothing of 10 samples');
    expect(() => select(set, { labels: [1], offset: 3 })).toThrow('leave nothing of 3 samples');
    const plain = dataset({ data: new Uint8Array(2), shape: [2, 1] });
    expect(() => select(plain, { labels: [1] })).toThrow('data: has no labels');
  });
});

describe('mergeLike', () => {
  const bytes = dataset({ data: Uint8Array.from([0, 255]), shape: [1, 2], labels: [3] });
  const floats = dataset({ data: Float32Array.from([0.5, 2]), shape: [1, 2] });

  it('joins samples, as bytes where all are', () => {
    const both = mergeLike([bytes, bytes], 'both');
    expect(both).toMatchObject({ name: 'both', count: 2, bits8: true });
    expect([...bytesOf(both)]).toEqual([0, 255, 0, 255]);
    expect([...(both.labels ?? [])]).toEqual([3, 3]);
  });

  it('joins bytes and floats as floats, without labels where some have none', () => {
    const mixed = mergeLike([bytes, floats]);
    expect([...floatsOf(mixed)]).toEqual([0, 1, 0.5, 2]);
    expect(mixed).toMatchObject({ name: 'data', count: 2, bits8: false });
    expect(mixed.labels).toBeUndefined();
  });

  it('refuses samples of another shape', () => {
    const other = dataset({ data: new Uint8Array(3), shape: [1, 3], name: 'wide' });
    expect(() => mergeLike([bytes, other])).toThrow(
      'samples of data are [2], of wide [3]; only like samples merge',
    );
  });
});

describe('IDX', () => {
  const images = idxFile([3, 2, 2], counting(12));
  const labels = idxFile([3], [7, 8, 9]);

  it('decodes images and labels', () => {
    expect(decodeIdxImages(images, 'images')).toMatchObject({ count: 3, height: 2, width: 2 });
    expect([...decodeIdxImages(images, 'images').bytes]).toEqual(counting(12));
    expect([...decodeIdxLabels(labels, 'labels')]).toEqual([7, 8, 9]);
    const set = idxDataset('both', { file: images, where: 'a' }, { file: labels, where: 'b' });
    expect(set).toMatchObject({ name: 'both', shape: [2, 2, 1], count: 3, bits8: true });
    expect([...(set.labels ?? [])]).toEqual([7, 8, 9]);
  });

  it('decodes a file that does not start at the start of its memory', () => {
    const shifted = joined(Uint8Array.from([1, 2, 3]), images).subarray(3);
    expect([...decodeIdxImages(shifted, 'images').bytes]).toEqual(counting(12));
  });

  it('refuses another kind of file, showing its bytes', () => {
    expect(() => decodeIdxImages(labels, 'x')).toThrow(
      'x: not an IDX file of images: it starts with 00 00 08 01, expected 00 00 08 03; these are labels, give the file of images',
    );
    expect(() => decodeIdxLabels(images, 'x')).toThrow('it starts with 00 00 08 03, expected 00 00 08 01');
    expect(() => decodeIdxImages(Uint8Array.from([0x89, 0x50, 0x4e, 0x47]), 'x')).toThrow(
      'starts with 89 50 4e 47, expected',
    );
    expect(() => decodeIdxImages(new Uint8Array(0), 'x')).toThrow('starts with nothing (an empty file)');
  });

  it('refuses every length but the right one', () => {
    for (let length = 4; length < images.length; length++) {
      const expected = length < 16 ? '16 expected header' : '28 expected for images of [3, 2, 2]';
      expect(() => decodeIdxImages(images.slice(0, length), 'x')).toThrow(
        `x: cut short: ${length} bytes, ${expected}`,
      );
    }
    expect(() => decodeIdxImages(joined(images, Uint8Array.of(0, 0)), 'x')).toThrow(
      'x: 2 bytes too many: 30 bytes, 28 expected for images of [3, 2, 2]',
    );
    expect(() => decodeIdxLabels(labels.slice(0, 10), 'x')).toThrow(
      'x: cut short: 10 bytes, 11 expected for labels of [3]',
    );
    expect(() => decodeIdxImages(idxFile([0, 28, 28], []), 'x')).toThrow(
      'x: holds nothing: its sizes are [0, 28, 28]',
    );
  });

  it('does not believe a header that asks for more than there can be', () => {
    const huge = idxFile([0xffffffff, 0xffffffff, 0xffffffff], [1, 2]);
    expect(() => decodeIdxImages(huge, 'x')).toThrow('cut short: 18 bytes');
  });

  it('refuses labels of another split', () => {
    const four = idxFile([4], [1, 2, 3, 4]);
    expect(() => idxDataset('n', { file: images, where: 'a' }, { file: four, where: 'b' })).toThrow(
      'b: 4 labels for the 3 images of a; take both from the same split',
    );
  });
});

describe('SPEC', () => {
  it.each([
    ['gaussian:64', { kind: 'gaussian', dims: 64 }, {}],
    ['gaussian:5?seed=3&limit=100', { kind: 'gaussian', dims: 5 }, { seed: 3, limit: 100 }],
    ['glyphs', { kind: 'glyphs' }, {}],
    [
      'glyphs?labels=1&split=test&limit=1000',
      { kind: 'glyphs' },
      { labels: [1], split: 'test', limit: 1000 },
    ],
    ['mnist?labels=0,2-4&offset=10', { kind: 'named', name: 'mnist' }, { labels: [0, 2, 3, 4], offset: 10 }],
    ['fashion-mnist?split=train', { kind: 'named', name: 'fashion-mnist' }, { split: 'train' }],
    ['./mnist?labels=1', { kind: 'path', path: './mnist' }, { labels: [1] }],
    ['path/file.gz', { kind: 'path', path: 'path/file.gz' }, {}],
    ['svhn?gray&size=28', { kind: 'named', name: 'svhn' }, { gray: true, size: 28 }],
    ['path/test_32x32.mat?size=1', { kind: 'path', path: 'path/test_32x32.mat' }, { size: 1 }],
    ['C:\\data\\mnist?limit=3', { kind: 'path', path: 'C:\\data\\mnist' }, { limit: 3 }],
  ])('%s', (text, source, selectors) => {
    expect(parseSpec(text)).toEqual({ source, selectors });
  });

  it.each([
    [
      'mnist?label=1',
      "mnist?label=1: unknown selector 'label'; known: labels, split, limit, offset, seed, gray, size",
    ],
    ['mnist?toString=1', "unknown selector 'toString'"],
    ['mnist?labels=a', "labels is 'a'; labels are whole numbers of 0 or more"],
    ['mnist?labels=3-1', "labels is '3-1'"],
    ['mnist?labels', "labels is ''"],
    ['mnist?split=valid', "split is 'valid'; one of train, test, as in split=test"],
    ['mnist?limit=0', "limit is '0'; a whole number from 1 to 4294967295, as in limit=1000"],
    ['mnist?limit=1e3', "limit is '1e3'"],
    ['mnist?offset=-1', "offset is '-1'"],
    ['mnist?limit=1&limit=2', 'limit is given twice'],
    ['mnist?limit=1?offset=2', "limit is '1?offset=2'"],
    ['mnist?seed=1', 'mnist?seed=1: mnist has no seed; it takes labels, split, limit, offset, gray, size'],
    ['gaussian:4?labels=1', 'gaussian:4 has no labels; it takes split, limit, offset, seed'],
    ['gaussian:4?size=2', 'gaussian:4 has no size'],
    ['svhn?gray=yes', "gray is 'yes'; it takes no value, as in gray"],
    ['svhn?gray&gray', 'gray is given twice'],
    ['svhn?size', "size is ''; a whole number from 1 to 1024, as in size=28"],
    ['svhn?size=1025', "size is '1025'"],
    ['gaussian', "gaussian: dimension is ''; must be a whole number from 1 to 1024, as in gaussian:64"],
    ['gaussian:0', "dimension is '0'"],
    ['gaussian:2.5', "dimension is '2.5'"],
    ['?labels=1', "data: '?labels=1' names no data set; known: gaussian:<dimension>, glyphs, mnist"],
  ])('refuses %s', (text, message) => {
    expect(() => parseSpec(text)).toThrow(message);
    expect(() => parseSpec(text)).toThrow(UserError);
  });

  it('takes selectors as options too, checked alike', () => {
    const spec = withSelectors(parseSpec('mnist?labels=1'), { split: 'test' });
    expect(spec.selectors).toEqual({ labels: [1], split: 'test' });
    const options = (value: object) => () => withSelectors(parseSpec('mnist?labels=1'), value);
    expect(options({ labels: [2] })).toThrow('labels is given twice, in the text and in the options');
    expect(options({ limit: 1.5 })).toThrow("limit is '1.5'");
    expect(options({ limits: 1 })).toThrow("unknown selector 'limits'");
    expect(options({ seed: 1 })).toThrow('mnist has no seed');
    expect(withSelectors(parseSpec('mnist?limit=5'), { limit: undefined } as object).selectors).toEqual({
      limit: 5,
    });
  });

  it('is written in one way', () => {
    expect(writeSpec(parseSpec('mnist?limit=10&split=test&labels=4,2,3,0'))).toBe(
      'mnist?labels=0,2-4&split=test&limit=10',
    );
    expect(writeSpec(parseSpec('svhn?size=28&gray&split=test'))).toBe('svhn?split=test&gray&size=28');
    expect(writeSpec(parseSpec('gaussian:8?'))).toBe('gaussian:8');
  });
});

describe('loadDataset', () => {
  const images = idxFile([3, 2, 2], counting(12));
  const labels = idxFile([3], [7, 8, 7]);
  const testImages = idxFile([1, 2, 2], [9, 9, 9, 9]);
  const files = {
    'root/mnist/train-images-idx3-ubyte.gz': gzipSync(images),
    'root/mnist/train-labels-idx1-ubyte': labels,
    'root/mnist/t10k-images-idx3-ubyte': testImages,
    'root/fashion-mnist/t10k-images-idx3-ubyte.gz': gzipSync(testImages),
    'other/notes.txt': Uint8Array.from([104, 105]),
  };
  const io = memoryFiles(files);

  it('finds a named set, inflated or not, with its labels', async () => {
    const set = await loadDataset('mnist?labels=7', {}, io);
    expect(set).toMatchObject({ name: 'mnist?labels=7', count: 2, shape: [2, 2, 1] });
    expect([...bytesOf(set)]).toEqual([0, 1, 2, 3, 8, 9, 10, 11]);
    const test = await loadDataset('mnist', { split: 'test' }, io);
    expect(test).toMatchObject({ name: 'mnist?split=test', count: 1 });
    expect(test.labels).toBeUndefined();
  });

  it('finds the same in a folder, in one with a slash behind it, and in a file', async () => {
    for (const path of ['root/mnist', 'root/mnist/', 'root/mnist/train-images-idx3-ubyte.gz']) {
      const set = await loadDataset(path, { offset: 1 }, io);
      expect([...(set.labels ?? [])]).toEqual([8, 7]);
    }
  });

  it('finds labels beside a file in the working folder', async () => {
    const here = memoryFiles({ 'a-images-idx3-ubyte': images, 'a-labels-idx1-ubyte.gz': gzipSync(labels) });
    expect([...((await loadDataset('a-images-idx3-ubyte', {}, here)).labels ?? [])]).toEqual([7, 8, 7]);
  });

  it('goes by the first bytes of a file, not by its name', async () => {
    const misnamed = memoryFiles({ 'd/plain.gz': images, 'd/packed': gzipSync(images) });
    expect((await loadDataset('d/plain.gz', {}, misnamed)).count).toBe(3);
    expect((await loadDataset('d/packed', {}, misnamed)).count).toBe(3);
  });

  it.each([
    [
      'fashion-mnist',
      'root/fashion-mnist: holds no train images: looked for train-images-idx3-ubyte[.gz] or train_32x32.mat (else one train_<part>_32x32.mat) or data_batch_1.bin … data_batch_5.bin; it holds test images, give split=test',
    ],
    [
      'other',
      'other: holds no train images: looked for train-images-idx3-ubyte[.gz] or train_32x32.mat (else one train_<part>_32x32.mat) or data_batch_1.bin … data_batch_5.bin; it holds notes.txt',
    ],
    [
      'other/notes.txt',
      'other/notes.txt: unknown format: 2 bytes, starting with 68 69; known: IDX, MATLAB level 5 (SVHN), CIFAR-10 binary, gzipped or not',
    ],
    [
      'mnits',
      'mnits: cannot be read (no such file or folder); give gaussian:<dimension>, glyphs, mnist, fashion-mnist, svhn, cifar-10, or a path',
    ],
    ['root/mnist/train-images-idx3-ubyte.gz?split=train', 'split=train is for folders, this is one file'],
    ['mnist?split=test&labels=1', 'has no labels'],
    ['root/mnist/train-labels-idx1-ubyte', 'these are labels, give the file of images'],
  ])('says of %s what is wrong', async (text, message) => {
    await expect(loadDataset(text, {}, io)).rejects.toThrow(message);
    await expect(loadDataset(text, {}, io)).rejects.toBeInstanceOf(UserError);
  });

  it('names the folder it looked in and the variable that moves it', async () => {
    await expect(loadDataset('mnist', {}, memoryFiles({}, 'nowhere/'))).rejects.toThrow(
      'mnist: no folder nowhere/mnist; put the files of mnist there, or name the folder that holds mnist/ in ENTROPIC_GAN_DATA',
    );
  });

  it('says so of damaged gzip data', async () => {
    const packed = gzipSync(images);
    const flipped = Uint8Array.from(packed, (byte, i) => (i === packed.length - 6 ? byte ^ 1 : byte));
    for (const bytes of [packed.subarray(0, 20), flipped, Uint8Array.from([0x1f, 0x8b])]) {
      await expect(loadDataset('d/x', {}, memoryFiles({ 'd/x': bytes }))).rejects.toThrow(
        `d/x: its gzip data are damaged or cut short at ${bytes.length} bytes`,
      );
    }
  });

  it('loads generated data under the name of their spec', async () => {
    expect(await loadDataset('glyphs?labels=1&limit=5', { seed: 2 }, io)).toMatchObject({
      name: 'glyphs?labels=1&limit=5&seed=2',
      count: 5,
      shape: [28, 28, 1],
    });
    expect(await loadDataset('gaussian:3?limit=7', {}, io)).toMatchObject({
      name: 'gaussian:3?limit=7',
      count: 7,
      shape: [3],
    });
  });
});

describe.skipIf(noMnist)(withReason('the real MNIST'), () => {
  it('is whole: counts per digit as published', async () => {
    const set = await loadDataset('mnist', {}, realFiles);
    expect(set).toMatchObject({ count: 60_000, shape: [28, 28, 1] });
    const counts = Array.from({ length: 10 }, () => 0);
    for (const label of set.labels ?? []) counts[label] = (counts[label] as number) + 1;
    expect(counts).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    const ones = await loadDataset(`${mnistFolder}?labels=1`, { split: 'test' }, realFiles);
    expect(ones.count).toBe(1135);
    expect(new Set(ones.labels)).toEqual(new Set([1]));
  });

  it('is refused when cut short, before and after inflating', async () => {
    const packed = Uint8Array.from(await readFile(`${mnistFolder}/t10k-images-idx3-ubyte.gz`));
    const cut = {
      'd/cut.gz': packed.subarray(0, 100_000),
      'd/plain': gunzipSync(packed).subarray(0, 1_000_000),
    };
    await expect(loadDataset('d/cut.gz', {}, memoryFiles(cut))).rejects.toThrow(
      'damaged or cut short at 100000 bytes',
    );
    await expect(loadDataset('d/plain', {}, memoryFiles(cut))).rejects.toThrow(
      'd/plain: cut short: 1000000 bytes, 7840016 expected for images of [10000, 28, 28]',
    );
  });

  it('is what the glyphs resemble: mean ink within a twentieth', async () => {
    const mean = (set: Dataset): number => {
      const values = rows(set, 0, set.count);
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
    const mnist = mean(await loadDataset('mnist?split=test', {}, realFiles));
    expect(mean(glyphs({ split: 'test', limit: 2000 })) / mnist).toBeCloseTo(1, 1);
  });
});

describe('gaussian', () => {
  const { dataset: set, covariance, spectrum, basis } = gaussianData({ dims: 6, seed: 4, limit: 20_000 });
  const entry = (matrix: Float64Array, i: number, j: number): number => matrix[i * 6 + j] as number;
  const all = [0, 1, 2, 3, 4, 5];
  const sum = (term: (k: number) => number): number => all.reduce((total, k) => total + term(k), 0);

  it('has an orthogonal basis and the covariance U Λ Uᵀ', () => {
    for (const i of all) {
      for (const j of all) {
        expect(sum((k) => entry(basis, k, i) * entry(basis, k, j))).toBeCloseTo(i === j ? 1 : 0, 12);
        const product = sum((k) => entry(basis, i, k) * (spectrum[k] as number) * entry(basis, j, k));
        expect(entry(covariance, i, j)).toBeCloseTo(product, 10);
      }
    }
  });

  it('has a descending spectrum within its range', () => {
    expect([...spectrum]).toEqual([...spectrum].sort((a, b) => b - a));
    expect(spectrum[5]).toBeGreaterThan(SPECTRUM_RANGE[0]);
    expect(spectrum[0]).toBeLessThan(SPECTRUM_RANGE[1]);
  });

  it('draws samples of that covariance and mean zero, within 5 standard errors', () => {
    const values = floatsOf(set);
    const n = set.count;
    for (const i of all) {
      let mean = 0;
      for (let s = 0; s < n; s++) mean += (values[s * 6 + i] as number) / n;
      expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(entry(covariance, i, i) / n));
      for (const j of all) {
        let product = 0;
        for (let s = 0; s < n; s++)
          product += ((values[s * 6 + i] as number) * (values[s * 6 + j] as number)) / n;
        const variance = entry(covariance, i, i) * entry(covariance, j, j) + entry(covariance, i, j) ** 2;
        expect(Math.abs(product - entry(covariance, i, j))).toBeLessThan(5 * Math.sqrt(variance / n));
      }
    }
  });

  it('keeps sample i whatever is selected, shares its law between splits, and changes with the seed', () => {
    const part = gaussianData({ dims: 6, seed: 4, offset: 100, limit: 3 });
    expect([...floatsOf(part.dataset)]).toEqual([...rows(set, 100, 3)]);
    const test = gaussianData({ dims: 6, seed: 4, split: 'test', limit: 3 });
    expect([...test.covariance]).toEqual([...covariance]);
    expect([...floatsOf(test.dataset)]).not.toEqual([...rows(set, 0, 3)]);
    expect([...gaussianData({ dims: 6, seed: 5, limit: 1 }).spectrum]).not.toEqual([...spectrum]);
  });

  it('has as many samples as it says, and says when none are left', () => {
    expect(gaussianData({ dims: 1 }).dataset.count).toBe(GAUSSIAN_COUNTS.train);
    expect(gaussianData({ dims: 1, split: 'test' }).dataset.count).toBe(GAUSSIAN_COUNTS.test);
    expect(() => gaussianData({ dims: 1, offset: 50_000 })).toThrow('leave nothing of 50000 samples');
    expect(() => gaussianData({ dims: 0 })).toThrow('gaussian: dims is 0');
  });
});

describe('glyphs', () => {
  const hundred = glyphs({ limit: 100 });
  const image = (set: Dataset, index: number): string =>
    bytesOf(select(set, { offset: index, limit: 1 })).join();

  it('are the same bytes for the same seed and others for another', () => {
    expect(bytesOf(glyphs({ limit: 100 }))).toEqual(bytesOf(hundred));
    expect(bytesOf(glyphs({ limit: 100, seed: 1 }))).not.toEqual(bytesOf(hundred));
  });

  it('keep image i under any selection', () => {
    const ones = glyphs({ labels: [1], limit: 10 });
    expect(bytesOf(ones)).toEqual(bytesOf(select(hundred, { labels: [1] })));
    const mixed = glyphs({ labels: [7, 2], offset: 3, limit: 9 });
    expect(bytesOf(mixed)).toEqual(bytesOf(select(hundred, { labels: [2, 7], offset: 3, limit: 9 })));
    expect([...(mixed.labels ?? [])]).toEqual([7, 2, 7, 2, 7, 2, 7, 2, 7]);
  });

  it('cycle through the digits', () => {
    expect([...(hundred.labels ?? [])]).toEqual(Array.from({ length: 100 }, (_, i) => i % 10));
  });

  it('share no image between or within splits', () => {
    const train = glyphs({ limit: 500 });
    const test = glyphs({ limit: 500, split: 'test' });
    const images = new Set(Array.from({ length: 500 }, (_, i) => [image(train, i), image(test, i)]).flat());
    expect(images.size).toBe(1000);
  });

  it('leave a margin, have full ink, and vary within a digit', () => {
    for (const digit of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]) {
      const set = glyphs({ labels: [digit], limit: 200 });
      const bytes = bytesOf(set);
      const ink: number[] = [];
      for (let i = 0; i < set.count; i++) {
        const pixels = bytes.subarray(i * 784, (i + 1) * 784);
        const border = pixels.filter((_, at) => at < 28 || at >= 756 || at % 28 === 0 || at % 28 === 27);
        expect(Math.max(...border)).toBe(0);
        expect(Math.max(...pixels)).toBeGreaterThan(180);
        ink.push(pixels.reduce((sum, byte) => sum + byte, 0) / 255);
      }
      ink.sort((a, b) => a - b);
      expect(ink[20]).toBeGreaterThan(20);
      expect((ink[180] as number) / (ink[20] as number)).toBeGreaterThan(1.5);
    }
  });

  it('have as many images as they say, and say what they have not', () => {
    expect(glyphs({ labels: [3], split: 'test' }).count).toBe(GLYPH_COUNTS.test / 10);
    expect(() => glyphs({ labels: [10] })).toThrow('glyphs: labels are [10]; give one or more of 0 to 9');
    expect(() => glyphs({ labels: [1], offset: 6000 })).toThrow('leave nothing of 6000 images');
  });
});
