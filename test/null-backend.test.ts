/** Kernels that no software adapter runs: they compile on Dawn's null backend, which has every feature and executes nothing. */
import { create } from 'webgpu';
import { afterAll, describe, expect, it } from 'vitest';
import { Device, describeAdapter, deviceDescriptor } from '../src/gpu/device.ts';
import { kernelDefinition } from '../src/gpu/kernel.ts';
import { MIXED_TARGET, discoverCases, recordCase } from './support/verify.ts';

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

  const calls = [...tables.values()].flatMap((cases) =>
    cases.flatMap((one) => recordCase(one, MIXED_TARGET).recording.dispatches),
  );
  const kernels = [...new Set(calls.map(({ kernel }) => kernel))]
    .filter((kernel) => kernelDefinition(kernel).features.includes('shader-f16'))
    .sort();

  it('covers every kernel that needs f16', () => {
    expect(kernels).toEqual(['conv2d_matrix', 'conv2d_weight_matrix', 'matmul_matrix', 'matmul_pack']);
  });

  it.each(kernels)('%s compiles in every form that the cases ask for', async (kernel) => {
    for (const call of calls.filter((call) => call.kernel === kernel))
      await device.pipeline(kernel, call.overrides ?? {}, call.constants ?? {});
  });
});
