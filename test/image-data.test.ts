/** Colour images: SVHN's MATLAB files, CIFAR-10's binary files, and images in grey and in another size. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { deflateSync, gzipSync, inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { cifar10Dataset, isCifar10 } from '../src/data/cifar10.ts';
import { type Dataset, dataset } from '../src/data/dataset.ts';
import { convertImages } from '../src/data/image-conversion.ts';
import { loadDataset } from '../src/data/load.ts';
import { isMat, matDataset } from '../src/data/mat.ts';
import { UserError } from '../src/gpu/errors.ts';
import { nodeDataFiles } from '../src/node/files.ts';
import { type Bytes, dataRoot, joined, memoryFiles, realFiles } from './support/data-files.ts';

const bytesOf = (set: Dataset): number[] => {
  if (set.pixels.kind !== 'bytes') throw new Error('bytes expected');
  return [...set.pixels.data];
};
/** Bytes without a pattern that a wrong order could share. */
const scrambled = (count: number): Bytes => Uint8Array.from({ length: count }, (_, i) => (i * 7919) % 251);

/** How a MAT-file is written: byte order, compression, and what is wrong with it. */
interface MatOptions {
  readonly big?: boolean;
  readonly plain?: boolean;
}

function word(value: number, { big = false }: MatOptions): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, !big);
  return bytes;
}

const padded = (bytes: Uint8Array): Bytes => joined(bytes, new Uint8Array((8 - (bytes.length % 8)) % 8));

/** An element: within its tag where its data are short, as MATLAB writes them. */
function element(type: number, data: Uint8Array, options: MatOptions): Bytes {
  if (data.length > 0 && data.length <= 4)
    return padded(joined(word(data.length * 65536 + type, options), data));
  return joined(word(type, options), word(data.length, options), padded(data));
}

interface Variable {
  readonly name: string;
  readonly class: number;
  readonly flags?: number;
  readonly dimensions: readonly number[];
  readonly type: number;
  readonly data: Uint8Array;
}

function matrix(variable: Variable, options: MatOptions): Bytes {
  const words = (values: readonly number[]): Bytes => joined(...values.map((value) => word(value, options)));
  const body = joined(
    element(6, words([variable.class + (variable.flags ?? 0), 0]), options),
    element(5, words(variable.dimensions), options),
    element(1, new TextEncoder().encode(variable.name), options),
    element(variable.type, variable.data, options),
  );
  return joined(word(14, options), word(body.length, options), body);
}

function stored(whole: Bytes, options: MatOptions): Bytes {
  if (options.plain) return whole;
  const packed = deflateSync(whole);
  return joined(word(15, options), word(packed.length, options), packed);
}

function header(
  { big = false }: MatOptions,
  text = 'MATLAB 5.0 MAT-file, Platform: TEST',
  version = 0x0100,
): Bytes {
  const bytes = new Uint8Array(128).fill(32);
  bytes.set(new TextEncoder().encode(text));
  new DataView(bytes.buffer).setUint16(124, version, !big);
  bytes.set(new TextEncoder().encode(big ? 'MI' : 'IM'), 126);
  return bytes;
}

function matFile(variables: readonly Variable[], options: MatOptions = {}): Bytes {
  return joined(header(options), ...variables.map((variable) => stored(matrix(variable, options), options)));
}

/** 3 images of 4 × 5 in colour; labels 10, 1, 9. */
const [H, W, C, N] = [4, 5, 3, 3];
const X: Variable = {
  name: 'X',
  class: 9,
  dimensions: [H, W, C, N],
  type: 2,
  data: scrambled(H * W * C * N),
};
const Y: Variable = { name: 'y', class: 9, dimensions: [N, 1], type: 2, data: Uint8Array.of(10, 1, 9) };
const other: Variable = { name: 'notes', class: 4, dimensions: [1, 6], type: 4, data: new Uint8Array(12) };

/** The images as the formula of the format has them. */
const EXPECTED = Array.from({ length: X.data.length }, (_, i) => {
  const c = i % C;
  const w = Math.floor(i / C) % W;
  const h = Math.floor(i / (C * W)) % H;
  const n = Math.floor(i / (C * W * H));
  return X.data[h + H * (w + W * (c + C * n))];
});

const decode = (file: Uint8Array): Promise<Dataset> =>
  matDataset('set', { file: Uint8Array.from(file), where: 'f.mat' }, nodeDataFiles.inflate);

/** Resolves to the message of the UserError that decoding ends with, without the name of the file. */
async function refusal(file: Uint8Array): Promise<string> {
  const error: unknown = await decode(file).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  const { message } = error as UserError;
  expect(message).toMatch(/^f\.mat: [^\n]+$/);
  return message.slice('f.mat: '.length);
}

function doubles(values: readonly number[], big: boolean): Bytes {
  const bytes = new Uint8Array(8 * values.length);
  values.forEach((value, i) => new DataView(bytes.buffer).setFloat64(8 * i, value, !big));
  return bytes;
}

describe("SVHN's MATLAB files", () => {
  it.each([
    ['compressed', {}],
    ['not compressed', { plain: true }],
    ['big-endian', { big: true }],
    ['big-endian, not compressed', { big: true, plain: true }],
  ])('are read: %s', async (_, options: MatOptions) => {
    for (const variables of [
      [X, Y],
      [Y, other, X],
    ]) {
      const set = await decode(matFile(variables, options));
      expect(set).toMatchObject({ name: 'set', shape: [H, W, C], count: N, bits8: true });
      expect(bytesOf(set)).toEqual(EXPECTED);
      expect([...(set.labels ?? [])]).toEqual([0, 1, 9]);
    }
  });

  it('may hold labels as doubles, and one image, whose last dimension MATLAB drops', async () => {
    for (const big of [false, true]) {
      const y = { ...Y, class: 6, type: 9, data: doubles([10, 3, 1], big) };
      expect([...((await decode(matFile([X, y], { big }))).labels ?? [])]).toEqual([0, 3, 1]);
    }
    const single = { ...X, dimensions: [H, W, C], data: X.data.subarray(0, H * W * C) };
    const set = await decode(matFile([single, { ...Y, dimensions: [1, 1], data: Uint8Array.of(2) }]));
    expect(set.count).toBe(1);
    expect(bytesOf(set)).toEqual(EXPECTED.slice(0, H * W * C));
    // So few bytes that MATLAB puts them into the tag.
    const tiny = { ...X, dimensions: [1, 1, 1, 3], data: Uint8Array.of(7, 8, 9) };
    expect(bytesOf(await decode(matFile([tiny, Y])))).toEqual([7, 8, 9]);
  });

  it('are read in pieces of any size', async () => {
    const pieces = (size: number) =>
      async function* (bytes: Uint8Array): AsyncGenerator<Uint8Array> {
        const all = inflateSync(bytes);
        for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
      };
    for (const size of [1, 3, 7, 64, 1000]) {
      const set = await matDataset('set', { file: matFile([X, Y]), where: 'f.mat' }, pieces(size));
      expect(bytesOf(set)).toEqual(EXPECTED);
    }
  });

  it('are refused at every length but the right one, and with bytes behind them', async () => {
    for (const plain of [false, true]) {
      const file = matFile([X, Y], { plain });
      for (let length = 0; length < file.length; length++)
        expect(await refusal(file.subarray(0, length))).toMatch(/cut short|left over|holds no variable [Xy]/);
      for (const behind of [1, 7, 8, 9, 100])
        expect(await refusal(joined(file, scrambled(behind).fill(77)))).toMatch(/left over|is no variable/);
    }
  });

  it('are refused where a byte of the compressed data is another', async () => {
    const file = matFile([X, Y]);
    for (let at = 136; at < file.length; at += 5) {
      if (
        at >= 128 + 8 + deflateSync(matrix(X, {})).length &&
        at < 128 + 16 + deflateSync(matrix(X, {})).length
      )
        continue; // the tag between the two
      const damaged = Uint8Array.from(file, (byte, i) => (i === at ? byte ^ 0x10 : byte));
      expect(await refusal(damaged)).toMatch(/damaged/);
    }
  });

  it.each<[string, () => Uint8Array, RegExp]>([
    ['another byte order', () => matFile([X, Y]).fill(88, 126, 128), /byte order is 'XX', expected IM or MI/],
    [
      'another version',
      () => joined(header({}, 'MATLAB 5.0', 0x0400)),
      /its version is 0x0400, 0x0100 \(level 5\) is read/,
    ],
    [
      'version 7.3',
      () => header({}, 'MATLAB 7.3 MAT-file', 0x0200),
      /^is a MATLAB 7\.3 file \(HDF5\).* save -v7/,
    ],
    ['plain HDF5', () => Uint8Array.of(0x89, 72, 68, 70, 13, 10, 26, 10), /MATLAB 7\.3 file \(HDF5\)/],
    ['a header and nothing else', () => header({}), /holds no variable X/],
    ['no labels', () => matFile([X]), /holds no variable y/],
    ['no images', () => matFile([Y, other]), /holds no variable X/],
    [
      'more labels than images',
      () => matFile([X, { ...Y, dimensions: [4, 1], data: Uint8Array.of(1, 2, 3, 4) }]),
      /4 labels in y for the 3 images in X/,
    ],
    [
      'labels in a square',
      () => matFile([X, { ...Y, dimensions: [2, 2], data: Uint8Array.of(1, 2, 3, 4) }]),
      /y is \[2, 2\]; must be \[count, 1\]/,
    ],
    [
      'a label beyond 10',
      () => matFile([X, { ...Y, data: Uint8Array.of(1, 11, 3) }]),
      /label 1 in y is 11; SVHN's are 1 to 10/,
    ],
    ['a label of 0', () => matFile([X, { ...Y, data: Uint8Array.of(1, 2, 0) }]), /label 2 in y is 0/],
    [
      'half a label',
      () => matFile([X, { ...Y, class: 6, type: 9, data: doubles([1, 2.5, 3], false) }]),
      /label 1 in y is 2\.5/,
    ],
    [
      'labels as text',
      () => matFile([X, { ...Y, class: 4 }]),
      /y has class 4 and type 2; must be real numbers/,
    ],
    [
      'images in two dimensions',
      () => matFile([{ ...X, dimensions: [12, 15] }, Y]),
      /X is \[12, 15\]; must be \[height, width, 1 or 3, count\]/,
    ],
    ['images of two channels', () => matFile([{ ...X, dimensions: [5, 6, 2, 3] }, Y]), /X is \[5, 6, 2, 3\]/],
    [
      'no images in X',
      () => matFile([{ ...X, dimensions: [4, 5, 3, 0], data: new Uint8Array() }, Y]),
      /X is \[4, 5, 3, 0\]/,
    ],
    [
      'images of doubles',
      () => matFile([{ ...X, class: 6, type: 9 }, Y]),
      /X has class 6 and type 9; must be uint8/,
    ],
    ['complex images', () => matFile([{ ...X, flags: 0x0800 }, Y]), /X has class 9/],
    [
      'dimensions that do not fit the bytes',
      () => matFile([{ ...X, dimensions: [4, 5, 3, 4] }, Y]),
      /X holds 180 bytes, \[4, 5, 3, 4\] takes 240/,
    ],
    [
      'dimensions beyond any file',
      () => {
        const claim = matrix({ ...X, dimensions: [65535, 65535, 3, 1] }, {});
        return joined(header({}), stored(claim, {}), stored(matrix(Y, {}), {}));
      },
      /X holds 180 bytes, \[65535, 65535, 3, 1\] takes/,
    ],
    [
      'an inflated size that the data cannot have',
      () => {
        const packed = deflateSync(joined(word(14, {}), word(0x7fffffff, {}), new Uint8Array(64)));
        return joined(header({}), word(15, {}), word(packed.length, {}), packed);
      },
      /compressed bytes claim 2147483647 bytes/,
    ],
    [
      'data that go on within the compression',
      () => joined(header({}), stored(joined(matrix(X, {}), new Uint8Array(8)), {})),
      /go on behind their variable/,
    ],
    [
      'data that go on behind the compression',
      () => {
        const packed = joined(deflateSync(matrix(X, {})), new Uint8Array(3));
        return joined(header({}), word(15, {}), word(packed.length, {}), packed);
      },
      /compressed data are damaged \(3 bytes left over/,
    ],
  ])('are refused with %s', async (_, file, message) => {
    expect(await refusal(file())).toMatch(message);
  });

  it('are known by their first bytes', () => {
    expect(isMat(matFile([X, Y]))).toBe(true);
    expect(isMat(Uint8Array.of(0, 0, 8, 3))).toBe(false);
  });

  it('are found in a folder by split, whole before part', async () => {
    const [whole, part] = [
      matFile([X, Y]),
      matFile([
        { ...X, dimensions: [H, W, C], data: X.data.subarray(0, 60) },
        { ...Y, dimensions: [1, 1], data: Uint8Array.of(4) },
      ]),
    ];
    const io = memoryFiles({
      'root/svhn/train_32x32.mat': whole,
      'root/svhn/train_1_32x32.mat': part,
      'root/svhn/test_1_32x32.mat': part,
      'root/svhn/extra_32x32.mat': whole,
      'two/test_1_32x32.mat': part,
      'two/test_2_32x32.mat': part,
      'two/train_32x32.truncated.mat': part,
    });
    expect((await loadDataset('svhn', {}, io)).count).toBe(3);
    expect((await loadDataset('svhn?split=test', {}, io)).count).toBe(1);
    expect((await loadDataset('root/svhn/extra_32x32.mat?labels=0,9', {}, io)).count).toBe(2);
    expect((await loadDataset('two/test_2_32x32.mat', {}, io)).count).toBe(1);
    for (const split of ['train', 'test'] as const)
      await expect(loadDataset('two', { split }, io)).rejects.toThrow(
        `two: holds no ${split} images: looked for ${split === 'test' ? 't10k' : 'train'}-images-idx3-ubyte[.gz] or ${split}_32x32.mat`,
      );
  });
});

describe("CIFAR-10's binary files", () => {
  const RECORD = 3073;
  const records = (labels: readonly number[]): Bytes =>
    joined(...labels.map((label, i) => joined(Uint8Array.of(label), scrambled(3072 + i).subarray(i))));

  it('are records of a label and three planes', () => {
    const file = records([3, 0, 9]);
    const set = cifar10Dataset('set', { file, where: 'f' });
    expect(set).toMatchObject({ shape: [32, 32, 3], count: 3, bits8: true });
    expect([...(set.labels ?? [])]).toEqual([3, 0, 9]);
    const pixels = bytesOf(set);
    for (const [n, y, x, c] of [
      [0, 0, 0, 0],
      [0, 0, 1, 0],
      [1, 0, 0, 2],
      [2, 31, 31, 2],
      [2, 17, 5, 1],
    ] as const)
      expect(pixels[((n * 32 + y) * 32 + x) * 3 + c]).toBe(file[n * RECORD + 1 + c * 1024 + y * 32 + x]);
  });

  it('are refused when cut short or mislabelled', () => {
    const file = records([3, 0, 9]);
    for (const length of [0, 1, RECORD - 1, RECORD + 1, 3 * RECORD - 1])
      expect(() => cifar10Dataset('set', { file: file.slice(0, length), where: 'f' })).toThrow(
        `f: ${length} bytes are ${Math.floor(length / RECORD)} records of 3073 bytes and ${length % RECORD} more`,
      );
    expect(() => cifar10Dataset('set', { file: records([1, 10]), where: 'f' })).toThrow('f: label 1 is 10');
    expect([file, records([1, 10]), file.subarray(1), new Uint8Array()].map(isCifar10)).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('are found in a folder with all batches, or as one file of any name', async () => {
    const batches = Object.fromEntries(
      [1, 2, 3, 4, 5].map((batch) => [`data_batch_${batch}.bin`, records([batch, batch])]),
    );
    const inFolder = (folder: string, files: Record<string, Bytes>): Record<string, Bytes> =>
      Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`${folder}/${name}`, bytes]));
    const files = { ...batches, 'test_batch.bin': records([7]) };
    for (const folder of [
      'root/cifar-10',
      'root/cifar-10-batches-bin',
      'root/cifar-10/cifar-10-batches-bin',
    ]) {
      const io = memoryFiles(inFolder(folder, files));
      const set = await loadDataset('cifar-10?labels=2-5', {}, io);
      expect([...(set.labels ?? [])]).toEqual([2, 2, 3, 3, 4, 4, 5, 5]);
      expect((await loadDataset('cifar-10?split=test', {}, io)).count).toBe(1);
      expect((await loadDataset(folder, {}, io)).count).toBe(10);
    }
    const { 'data_batch_3.bin': _, ...four } = batches;
    const io = memoryFiles({
      ...inFolder('four', four),
      'odd/any': gzipSync(records([1, 2])),
      'odd/data_batch_1.bin': records([1]).subarray(0, 3000),
    });
    await expect(loadDataset('four', {}, io)).rejects.toThrow(
      'or data_batch_1.bin … data_batch_5.bin; it holds',
    );
    expect((await loadDataset('odd/any', {}, io)).count).toBe(2);
    await expect(loadDataset('odd/data_batch_1.bin', {}, io)).rejects.toThrow('3000 bytes are 0 records');
  });
});

describe('images in grey and in another size', () => {
  const images = (shape: readonly number[], data: ArrayLike<number>): Dataset =>
    dataset({ data: Uint8Array.from(data), shape, name: 'images' });

  it('in grey are the luma of ITU-R BT.601, rounded', () => {
    const colours = [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255, 10, 200, 100];
    const grey = convertImages(images([1, 1, 5, 3], colours), { gray: true });
    expect(grey.shape).toEqual([1, 5, 1]);
    expect(bytesOf(grey)).toEqual([76, 150, 29, 255, 132]); // 76.245, 149.685, 29.07, 255, 131.79
  });

  it('that are grey stay what they are, in grey and in any channel', () => {
    const ramp = Array.from({ length: 256 }, (_, i) => i);
    const rgb = convertImages(
      images(
        [1, 16, 16, 3],
        ramp.flatMap((v) => [v, v, v]),
      ),
      { gray: true },
    );
    expect(bytesOf(rgb)).toEqual(ramp);
    const single = images([1, 16, 16, 1], ramp);
    expect(convertImages(single, { gray: true, size: 16 })).toBe(single);
  });

  it('are means of k × k pixels where the ratio is k', () => {
    const data = scrambled(2 * 6 * 6 * 3);
    const small = convertImages(images([2, 6, 6, 3], data), { size: 2 });
    expect(small.shape).toEqual([2, 2, 3]);
    bytesOf(small).forEach((byte, i) => {
      const c = i % 3;
      const [x, y, n] = [Math.floor(i / 3) % 2, Math.floor(i / 6) % 2, Math.floor(i / 12)];
      let sum = 0;
      for (let dy = 0; dy < 3; dy++)
        for (let dx = 0; dx < 3; dx++) sum += data[((n * 6 + y * 3 + dy) * 6 + x * 3 + dx) * 3 + c] as number;
      expect(byte).toBe(Math.floor(sum / 9 + 0.5));
    });
  });

  it('of another ratio weigh pixels by the area they share', () => {
    // 3 → 2: ⅔ of a whole pixel and ⅓ of half of the middle one, in each direction.
    const three = images([1, 3, 3, 1], [0, 90, 180, 30, 120, 210, 60, 150, 240]);
    const mean = (a: number, b: number): number => (2 * a + b) / 3;
    const rows = [mean(0, 30), mean(90, 120), mean(180, 210), mean(60, 30), mean(150, 120), mean(240, 210)];
    expect(bytesOf(convertImages(three, { size: 2 }))).toEqual(
      [
        mean(rows[0]!, rows[1]!),
        mean(rows[2]!, rows[1]!),
        mean(rows[3]!, rows[4]!),
        mean(rows[5]!, rows[4]!),
      ].map(Math.round),
    );
    // Larger by a whole number: every pixel k times.
    expect(bytesOf(convertImages(images([1, 1, 2, 1], [3, 9]), { size: 4 }))).toEqual(
      [3, 3, 9, 9].flatMap((_, i, row) => (i < 4 ? row : [])),
    );
  });

  it('keep a constant, their mean within rounding, and their labels', () => {
    for (const size of [1, 2, 5, 7, 28, 31, 32, 33, 64]) {
      const flat = convertImages(images([1, 32, 32, 3], new Uint8Array(3072).fill(201)), {
        size,
        gray: true,
      });
      expect(new Set(bytesOf(flat))).toEqual(new Set([201]));
      const set = dataset({ data: scrambled(3072), shape: [1, 32, 32, 3], labels: [4] });
      const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
      const sized = convertImages(set, { size });
      expect(Math.abs(mean(bytesOf(sized)) - mean(bytesOf(set)))).toBeLessThan(0.5);
      expect([...(sized.labels ?? [])]).toEqual([4]);
    }
  });

  it('are rounded once: grey and size together are not one after the other', () => {
    const set = images([1, 1, 2, 3], [1, 0, 0, 2, 0, 0]); // luma 0.299 and 0.598: their mean is below ½, that of 0 and 1 is not
    expect(bytesOf(convertImages(set, { gray: true, size: 1 }))).toEqual([0]);
    expect(bytesOf(convertImages(convertImages(set, { gray: true }), { size: 1 }))).toEqual([1]);
  });

  it('are asked of images only', () => {
    expect(() =>
      convertImages(dataset({ data: new Float32Array(4), shape: [1, 2, 2, 1] }), { gray: true }),
    ).toThrow('data: samples are floats of shape [2, 2, 1]; gray and size are for 8-bit images');
    expect(() => convertImages(images([2, 3], new Uint8Array(6)), { size: 1 })).toThrow('bytes of shape [3]');
    expect(() => convertImages(images([1, 2, 2, 1], new Uint8Array(4)), { size: 0.5 })).toThrow(
      'size is 0.5',
    );
    expect(() => convertImages(images([1, 2, 2, 1], new Uint8Array(4)), { size: 2 ** 27 })).toThrow(
      /1 images of \[134217728, 134217728, 1\] take 18014398509481984 bytes, more than can be held; take a smaller size/,
    );
  });

  it('come by selectors from any source of images, after selection, under the name of the spec', async () => {
    const io = memoryFiles({ 'root/svhn/test_32x32.mat': matFile([X, Y]) });
    const set = await loadDataset('svhn?split=test&labels=0,9&gray&size=2', {}, io);
    expect(set).toMatchObject({ name: 'svhn?labels=0,9&split=test&gray&size=2', shape: [2, 2, 1], count: 2 });
    const all = convertImages(await decode(matFile([X, Y])), { gray: true, size: 2 });
    expect(bytesOf(set)).toEqual([...bytesOf(all).slice(0, 4), ...bytesOf(all).slice(8)]);
    expect(await loadDataset('glyphs?limit=2&gray', { size: 14 }, io)).toMatchObject({
      shape: [14, 14, 1],
      count: 2,
    });
  });
});

const svhn = `${dataRoot}/svhn`;
const noSvhn = existsSync(svhn) ? '' : ` (no folder ${svhn}; ENTROPIC_GAN_DATA names the data folder)`;

describe.skipIf(noSvhn)(`the real SVHN${noSvhn}`, () => {
  it('is read: 2 000 test digits as colour images, every digit among them, 1 the most frequent', async () => {
    const set = await loadDataset('svhn?split=test', {}, realFiles);
    expect(set).toMatchObject({ count: 2000, shape: [32, 32, 3] });
    const counts = Array.from({ length: 10 }, () => 0);
    for (const label of set.labels ?? []) counts[label] = (counts[label] as number) + 1;
    expect(Math.min(...counts)).toBeGreaterThan(50);
    expect(counts.indexOf(Math.max(...counts))).toBe(1);
  });

  it('has pixels in the right places: neighbours are alike in both directions and across channels', async () => {
    const set = await loadDataset('svhn?split=test&limit=200', {}, realFiles);
    const pixels = bytesOf(set);
    const at = (n: number, y: number, x: number, c: number): number =>
      pixels[((n * 32 + y) * 32 + x) * 3 + c] as number;
    let [across, down, channel, far] = [0, 0, 0, 0];
    for (let n = 0; n < 200; n++)
      for (let y = 0; y < 31; y++)
        for (let x = 0; x < 31; x++) {
          across += Math.abs(at(n, y, x, 0) - at(n, y, x + 1, 0));
          down += Math.abs(at(n, y, x, 0) - at(n, y + 1, x, 0));
          channel += Math.abs(at(n, y, x, 0) - at(n, y, x, 1));
          far += Math.abs(at(n, y, x, 0) - at((n + 100) % 200, y, x, 0));
        }
    for (const near of [across, down, channel]) expect(near).toBeLessThan(far / 4);
  });

  it('in grey and 28 × 28 has the mean luma of its colour images', async () => {
    const colour = bytesOf(await loadDataset('svhn?split=test&limit=100', {}, realFiles));
    const grey = bytesOf(await loadDataset('svhn?split=test&limit=100&gray&size=28', {}, realFiles));
    expect(grey).toHaveLength(100 * 784);
    const luma =
      colour.reduce((sum, v, i) => sum + v * ([0.299, 0.587, 0.114][i % 3] as number), 0) /
      (colour.length / 3);
    expect(Math.abs(grey.reduce((sum, v) => sum + v, 0) / grey.length - luma)).toBeLessThan(0.1);
  });

  it.skipIf(!existsSync(`${svhn}/train_32x32.truncated.mat`))('is refused when cut short', async () => {
    const path = `${svhn}/train_32x32.truncated.mat`;
    const size = (await readFile(path)).length;
    await expect(loadDataset(path, {}, realFiles)).rejects.toThrow(
      `${path}: cut short: ${size} bytes, 182004483 expected at least; the file is incomplete, fetch it again`,
    );
  });
});
