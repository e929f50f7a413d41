/** What the choice of kernels takes from an adapter, and that every operation has a kernel on each kind of target. */
import { describe, expect, it } from 'vitest';
import { type Device, describeAdapter } from '../src/gpu/device.ts';
import { type Target, hasHalves, hasMatrices, targetOf } from '../src/gpu/target.ts';
import { kernelVariants } from '../src/ops/variants.ts';
import { MIXED_TARGET } from './support/verify.ts';

describe('a target', () => {
  const MATRICES = 'chromium-experimental-subgroup-matrix';
  const deviceWith = (...configs: readonly (readonly [string, string, number])[]): Device => {
    const info = {
      vendor: '',
      architecture: '',
      device: '',
      description: 'a GPU',
      isFallbackAdapter: false,
      subgroupMinSize: 32,
      subgroupMaxSize: 32,
      subgroupMatrixConfigs: configs.map(([componentType, resultComponentType, side]) => ({
        componentType,
        resultComponentType,
        M: side,
        N: side,
        K: side,
      })),
    };
    const gpu = { features: new Set(['subgroups', 'shader-f16', MATRICES]) };
    return { adapter: describeAdapter(info as unknown as GPUAdapterInfo), gpu } as unknown as Device;
  };

  it.each([
    ['of 16 × 16 with float32 sums', deviceWith(['f16', 'f16', 16], ['f16', 'f32', 16]), true],
    ['of other shapes', deviceWith(['f16', 'f32', 8], ['f16', 'f16', 16]), false],
    ['of shapes that it does not tell', deviceWith(), true],
  ])('its subgroup matrices, %s, are used or not', (_, device, used) => {
    expect(hasMatrices(targetOf(device, 'mixed'))).toBe(used);
    expect(hasHalves(targetOf(device, 'mixed'))).toBe(true);
  });

  it.each([
    ['a software adapter', { adapter: 'software', features: new Set<string>() }],
    ['subgroups of four', { adapter: 'software', features: new Set(['subgroups']), subgroupSize: 4 }],
    ['a GPU', { adapter: 'hardware', features: new Set<string>() }],
    ['a GPU with f16', { ...MIXED_TARGET, features: new Set(['shader-f16']) }],
    ['a GPU with subgroup matrices', MIXED_TARGET],
  ] satisfies [string, Target][])('the kernels of every operation can be named for %s', (_, target) => {
    for (const kernels of Object.values(kernelVariants(target))) expect(kernels).not.toBe('');
  });
});
