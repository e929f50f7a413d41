/**
 * The adapter that benchmarks run on, as `openDevice` chooses it, for what `openDevice` does not give: a device with
 * the default limits, a device for another library, the name of what a timing was taken on.
 */
import { create } from 'webgpu';
import { type AdapterDescription, describeAdapter } from '../src/gpu/device.ts';
import { UserError } from '../src/gpu/errors.ts';
import { offerSoftwareAdapter } from '../src/node/software-adapter.ts';

export interface BenchAdapter {
  readonly adapter: GPUAdapter;
  readonly description: AdapterDescription;
  /** Dawn's instance: must stay reachable as long as anything made from it. */
  readonly instance: GPU;
}

/** The adapter that `openDevice` would take. @throws UserError where there is none. */
export async function requestAdapter(): Promise<BenchAdapter> {
  await offerSoftwareAdapter();
  const instance = create(['disable-dawn-features=timestamp_quantization']);
  const adapter = await instance.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter)
    throw new UserError('bench: no WebGPU adapter found; run `npx entropic-gan doctor` for what to install');
  return { adapter, description: describeAdapter(adapter.info), instance };
}

/** The adapter in words. */
export function adapterName({ vendor, architecture, device, description, kind }: AdapterDescription): string {
  const name = description || [vendor, architecture, device].filter((part) => part !== '').join(' ');
  return `${name} (${kind})`;
}
