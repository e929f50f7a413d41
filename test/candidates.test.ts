/** Which kernels may be chosen for a shape, and that a choice on record is what runs. */
import { describe, expect, it } from 'vitest';
import type { Target } from '../src/gpu/target.ts';
import { conv2dCandidates, conv2dParts, conv2dVariant } from '../src/ops/conv2d-variants.ts';
import { conv2dWeightCandidates } from '../src/ops/conv2d-weight-variants.ts';
import { matmulCandidates, matmulParts, matmulVariant } from '../src/ops/matmul-variants.ts';
import { MIXED_TARGET } from './support/verify.ts';

const GPU: Target = { adapter: 'hardware', features: new Set() };
const SOFTWARE: Target = { adapter: 'software', features: new Set() };
/** A GPU with f16 and no subgroup matrices. */
const HALVES: Target = { ...GPU, features: new Set(['shader-f16']), precision: 'mixed' };
const LANES: Target = { ...SOFTWARE, subgroupSize: 4 };
const names = ({ variants }: { variants: ReadonlyMap<string, unknown> }): string[] => [...variants.keys()];

describe('candidates', () => {
  const layer = { m: 256, k: 784, n: 256 };

  it.each([
    [
      'a layer',
      layer,
      GPU,
      ['matmul_tile 64 x11', 'matmul_tile 64 x1', 'matmul_tile 128 x11', 'matmul_tile 128 x1'],
    ],
    [
      'a layer',
      layer,
      MIXED_TARGET,
      [
        'matmul_matrix',
        'matmul_matrix ahead',
        'matmul_tile 64 x11 f16',
        'matmul_tile 64 x1 f16',
        'matmul_tile 128 x11 f16',
        'matmul_tile 128 x1 f16',
        'matmul_tile 64 x11',
        'matmul_tile 64 x1',
        'matmul_tile 128 x11',
        'matmul_tile 128 x1',
      ],
    ],
    ['a layer', layer, LANES, ['matmul_subgroup4', 'matmul']],
    ['a layer', layer, SOFTWARE, ['matmul']],
    ['half a one', { m: 64, k: 64, n: 64 }, HALVES, ['matmul_tile 64 x1 f16', 'matmul_tile 64 x1', 'matmul']],
    [
      'too small to round',
      { m: 64, k: 784, n: 1 },
      HALVES,
      ['matmul_tile 64 x11', 'matmul_tile 64 x1', 'matmul'],
    ],
    ['a small one', { m: 60, k: 60, n: 60 }, GPU, ['matmul', 'matmul_tile 64 x1']],
    ['parts by the hundred', { m: 64, k: 1_000_000, n: 64 }, GPU, ['matmul_tile 64 x256']],
    ['more than a grid holds of small tiles', { m: 65_536 * 64, k: 8, n: 65 }, GPU, ['matmul_tile 128 x1']],
  ])('of a product: %s', (_name, size, target, expected) => {
    expect(names(matmulCandidates(size, target))).toEqual(expected);
  });

  it.each([
    ['images', { m: 12_544, n: 64, k: 25, channels: 1 }, GPU, ['conv2d_tile 64 x1']],
    [
      'parts',
      { m: 2048, n: 256, k: 3200, channels: 128 },
      GPU,
      ['conv2d_tile 64 x4', 'conv2d_tile 64 x1', 'conv2d_tile 128 x4', 'conv2d_tile 128 x1'],
    ],
    ['narrow', { m: 12_544, n: 4, k: 400, channels: 64 }, GPU, ['conv2d_narrow', 'conv2d_tile 64 x1']],
    [
      'mixed',
      { m: 2048, n: 64, k: 3200, channels: 128 },
      MIXED_TARGET,
      [
        'conv2d_matrix',
        'conv2d_tile 64 x16 f16',
        'conv2d_tile 64 x1 f16',
        'conv2d_tile 64 x16',
        'conv2d_tile 64 x1',
      ],
    ],
    [
      'f16 without matrices',
      { m: 12_544, n: 64, k: 25, channels: 1 },
      HALVES,
      ['conv2d_tile 64 x1 f16', 'conv2d_tile 64 x1'],
    ],
    [
      'four lanes',
      { m: 3136, n: 32, k: 144, channels: 16 },
      LANES,
      ['conv2d_subgroup4 32', 'conv2d_subgroup4 16', 'conv2d_subgroup4 8', 'conv2d_subgroup4 4'],
    ],
    [
      'four lanes, wide',
      { m: 3136, n: 64, k: 144, channels: 16 },
      LANES,
      ['conv2d_subgroup4 32', 'conv2d_subgroup4 16', 'conv2d_subgroup4 8'],
    ],
    ['four lanes, few', { m: 3136, n: 4, k: 144, channels: 16 }, LANES, ['conv2d_subgroup4 4']],
    ['other software', { m: 3136, n: 32, k: 144, channels: 16 }, SOFTWARE, ['conv2d_tile 64 x1']],
  ])('of a convolution: %s', (_name, size, target, expected) => {
    expect(names(conv2dCandidates(size, target))).toEqual(expected);
  });

  it.each([
    [GPU, ['conv2d_weight_tile']],
    [MIXED_TARGET, ['conv2d_weight_matrix', 'conv2d_weight_tile f16', 'conv2d_weight_tile']],
    [HALVES, ['conv2d_weight_tile f16', 'conv2d_weight_tile']],
    [LANES, ['conv2d_weight_subgroup4 32', 'conv2d_weight_subgroup4 16']],
  ])('of a gradient of weights', (target, expected) => {
    expect(names(conv2dWeightCandidates({ m: 400, n: 32, k: 1024, channels: 16 }, target))).toEqual(expected);
  });

  it('have keys of sizes and transposes', () => {
    expect(matmulCandidates({ ...layer, transposeB: true, columnSums: true }, GPU).key).toBe(
      'matmul 256x784x256 NT',
    );
    expect(conv2dCandidates({ m: 9, n: 2, k: 27, channels: 3 }, GPU).key).toBe('conv2d m=9 n=2 k=27 c=3');
    expect(conv2dWeightCandidates({ m: 27, n: 2, k: 9, channels: 3 }, GPU).key).toBe(
      'conv2d_weight m=27 n=2 k=9 c=3',
    );
  });

  it('never need more parts than there is room for', () => {
    for (let k = 8; k < 4000; k += 97) {
      const product = { m: 200, n: 90, k };
      for (const variant of matmulCandidates(product, GPU).variants.values())
        expect(variant.kernel === 'matmul_tile' ? variant.splits : 1).toBeLessThanOrEqual(
          matmulParts(product).splits,
        );
      for (const n of [4, 200]) {
        const size = { m: 200, n, k, channels: 32 };
        for (const variant of conv2dCandidates(size, GPU).variants.values())
          expect(variant.kernel === 'conv2d_tile' ? variant.splits : 1).toBeLessThanOrEqual(
            conv2dParts(size).splits,
          );
      }
    }
  });

  it('run where they are on record, and the default where the record is of another adapter', () => {
    const recorded = (target: Target, name: string): Target => ({
      ...target,
      variants: { 'matmul 256x784x256 NN': name, 'conv2d m=9 n=32 k=27 c=3': 'conv2d_subgroup4 4' },
    });
    expect(matmulVariant(layer, recorded(GPU, 'matmul_tile 128 x1'))).toMatchObject({ tile: 128, splits: 1 });
    expect(matmulVariant(layer, recorded(GPU, 'matmul_subgroup4'))).toEqual(matmulVariant(layer, GPU));
    expect(matmulVariant({ ...layer, transposeA: true }, recorded(LANES, 'matmul')).kernel).toBe(
      'matmul_subgroup4',
    );
    expect(conv2dVariant({ m: 9, n: 32, k: 27, channels: 3 }, recorded(LANES, ''))).toMatchObject({
      outputs: 4,
    });
  });
});
