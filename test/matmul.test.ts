/** The one-shot product: transposes, bias, activation, and its boundary; and which kernel a product runs on a GPU. */
import { describe, expect, it } from 'vitest';
import { UserError } from '../src/gpu/errors.ts';
import { type MatmulSettings, matmul } from '../src/nn/matmul.ts';
import type { FloatMatrix } from '../src/nn/matrix.ts';
import { matmulParts, matmulVariant } from '../src/ops/matmul-variants.ts';
import { describeGpu } from './support/device.ts';

const matrix = (rows: number, columns: number, ...data: number[]): FloatMatrix => ({
  data: Float32Array.from(data),
  shape: [rows, columns],
});

describeGpu('matmul', (device) => {
  const a = matrix(2, 3, 1, 2, 3, 4, 5, 6);
  const aT = matrix(3, 2, 1, 4, 2, 5, 3, 6);
  const b = matrix(3, 2, 1, 0, -1, 2, 0.5, -3);
  const bT = matrix(2, 3, 1, -1, 0.5, 0, 2, -3);
  const product = matrix(2, 2, 0.5, -5, 2, -8);

  it.each([
    [a, b, {}],
    [aT, b, { transposeA: true }],
    [a, bT, { transposeB: true }],
    [aT, bT, { transposeA: true, transposeB: true }],
  ] as const)('multiplies, whatever is transposed: %#', async (left, right, settings) => {
    expect(await matmul(device, left, right, settings)).toEqual(product);
  });

  it('adds the bias to each row, and then activates', async () => {
    const settings: MatmulSettings = { bias: Float32Array.of(1, 6), activation: 'leaky-relu', slope: 0.5 };
    expect(await matmul(device, a, b, settings)).toEqual(matrix(2, 2, 1.5, 1, 3, -1));
  });

  it.each<[string, FloatMatrix, FloatMatrix, MatmulSettings, string]>([
    ['inner sizes', a, a, {}, 'matmul: inner sizes differ: a is [2, 3], b is [2, 3]; b must have 3 rows'],
    [
      'inner sizes, transposed',
      a,
      b,
      { transposeB: true },
      'matmul: inner sizes differ: a is [2, 3], b is [3, 2] transposed; b must have 3 columns',
    ],
    ['length', matrix(2, 3, 1, 2), b, {}, 'a has 2 values; its shape [2, 3] needs 6'],
    ['empty', matrix(0, 3), b, {}, 'a has the shape [0, 3]; must be [rows, columns], both at least 1'],
    ['NaN', a, matrix(3, 2, 1, 2, 3, NaN, 5, 6), {}, 'b holds NaN at index 3; all values must be finite'],
    [
      'bias',
      a,
      b,
      { bias: new Float32Array(3) },
      'bias has 3 values; must have 2, one for each column of the product',
    ],
    [
      'activation',
      a,
      b,
      { activation: 'gelu' as 'relu' },
      'unknown activation "gelu"; use one of linear, relu, leaky-relu, sigmoid, tanh, softplus',
    ],
    ['slope', a, b, { slope: NaN }, 'slope is NaN; must be a finite number'],
  ])('refuses a wrong %s', async (_name, left, right, settings, message) => {
    const result = matmul(device, left, right, settings);
    await expect(result).rejects.toThrow(UserError);
    await expect(result).rejects.toThrow(message);
    expect(device.liveBuffers).toBe(0);
  });

  it('refuses a product of more workgroups than a dispatch takes, and goes on', async () => {
    const tall = { data: new Float32Array(8_400_000), shape: [8_400_000, 1] as const };
    const result = matmul(device, tall, matrix(1, 1, 2));
    await expect(result).rejects.toThrow(UserError);
    await expect(result).rejects.toThrow(
      /needs \[\d+, 1, 1\] workgroups, the device takes \d+ along an axis/,
    );
    expect((await matmul(device, matrix(1, 1, 3), matrix(1, 1, 2))).data).toEqual(Float32Array.of(6));
    expect(device.liveBuffers).toBe(0);
  });
});

describe('the kernel of a product', () => {
  const gpu = { adapter: 'hardware', features: new Set<string>() } as const;
  const tiles = (tile: number, splits: number, each: number, count: number) => ({
    kernel: 'matmul_tile',
    halves: false,
    tile,
    splits,
    each,
    workgroups: [count, splits, 1],
  });

  it.each([
    ['small', { m: 63, k: 127, n: 65 }, { kernel: 'matmul', workgroups: [5, 1, 1] }],
    ['64 × 64 results', { m: 64, k: 1, n: 64 }, tiles(64, 1, 8, 1)],
    ['a long sum', { m: 1, k: 128, n: 1 }, tiles(64, 2, 64, 1)],
    ['as many parts as 256 workgroups take', { m: 64, k: 1_000_000, n: 64 }, tiles(64, 256, 3912, 1)],
    ['a layer of an MLP', { m: 256, k: 784, n: 256 }, tiles(64, 11, 72, 16)],
    ['tiles enough', { m: 1024, k: 1024, n: 1024 }, tiles(64, 1, 1024, 256)],
    ['many results', { m: 2048, k: 100, n: 2048 }, tiles(128, 1, 104, 256)],
    ['thin', { m: 100_000, k: 100, n: 64 }, tiles(64, 1, 104, 1563)],
  ])('on a GPU: %s', (_name, size, expected) => {
    expect(matmulVariant(size, gpu)).toEqual(expected);
  });

  it('is another on a software adapter', () => {
    const size = { m: 2048, k: 2048, n: 2048 };
    const software = { adapter: 'software', features: new Set<string>() } as const;
    expect(matmulVariant(size, software).kernel).toBe('matmul');
    expect(matmulVariant(size, { ...software, subgroupSize: 4 }).kernel).toBe('matmul_subgroup4');
  });

  it('has parts that cover k, none of them empty', () => {
    for (let k = 1; k < 3000; k += 7) {
      const { splits, each } = matmulParts({ m: 70, k, n: 5 });
      expect(each % 8).toBe(0);
      expect(splits * each).toBeGreaterThanOrEqual(k);
      expect((splits - 1) * each).toBeLessThan(k);
    }
  });
});
