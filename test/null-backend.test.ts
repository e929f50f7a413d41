/** Kernels that no software adapter runs: they compile on Dawn's null backend, which has every feature and executes nothing. */
import { create } from 'webgpu';
import { afterAll, describe, expect, it } from 'vitest';
import { Device, describeAdapter, deviceDescriptor } from '../src/gpu/device.ts';
import { featuresOf, kernelDefinition } from '../src/gpu/kernel.ts';
import type { Target } from '../src/gpu/target.ts';
import { MIXED_TARGET, choosing, discoverCases, recordCase } from './support/verify.ts';

const tables = await discoverCases();

describe('mixed precision on the null backend', async () => {
  const dawn = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
  const adapter = (await dawn.requestAdapter())!;
  const device = new Device(
    await adapter.requestDevice(deviceDescriptor(adapter)),
    describeAdapter(adapter.info),
    { onDispose: () => void dawn },
  );
  afterAll(() => device.dispose());

  /** GPUs that have f16 but no subgroup matrices round the factors of the float32 kernels' tiles. */
  const halves: Target = { ...MIXED_TARGET, features: new Set(['shader-f16']) };
  const calls = [...tables.values()]
    .flat()
    .flatMap((one) =>
      [MIXED_TARGET, choosing(one, MIXED_TARGET, /^matmul_matrix ahead$/), halves].flatMap(
        (target) => recordCase(one, target).recording.dispatches,
      ),
    );
  const inHalves = calls.filter(({ kernel, constants }) =>
    featuresOf(kernelDefinition(kernel), constants ?? {}).includes('shader-f16'),
  );
  const kernels = [...new Set(inHalves.map(({ kernel }) => kernel))].sort();

  it('covers every kernel that needs f16, or may have it', () => {
    expect(kernels).toEqual([
      'conv2d_matrix',
      'conv2d_tile',
      'conv2d_weight_matrix',
      'conv2d_weight_tile',
      'matmul_matrix',
      'matmul_pack',
      'matmul_tile',
    ]);
  });

  it.each(kernels)('%s compiles in every form that the cases ask for', async (kernel) => {
    for (const call of inHalves.filter((call) => call.kernel === kernel))
      await device.pipeline(kernel, call.overrides ?? {}, call.constants ?? {});
  });
});
