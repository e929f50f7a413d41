/** Opens a WebGPU device in Node: a hardware adapter where there is one, else the embedded software adapter. */
import { create } from 'webgpu';
import { Device, describeAdapter, deviceDescriptor } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import { napping } from './naps.ts';
import { INSTALL_LINE, offerSoftwareAdapter } from './software-adapter.ts';

export interface OpenDeviceOptions {
  /** A GPUDevice that you have; it stays yours and is not destroyed on dispose. */
  readonly device?: GPUDevice;
  /** `hardware` and `software` insist on that kind; default `any`: hardware first. */
  readonly adapter?: 'any' | 'hardware' | 'software';
  /** Drops Dawn's bounds checks in shaders and its validation. Faster; a wrong shader can then read outside its buffers. Default false. */
  readonly unchecked?: boolean;
  /**
   * Asks for what training in mixed precision needs: f16 also where Dawn holds it back (NVIDIA's Vulkan driver) and the
   * experimental subgroup matrices. Default false.
   */
  readonly mixedPrecision?: boolean;
}

/**
 * Opens a device. On a software adapter the process then sleeps while results are awaited, for up to a millisecond in each turn of the
 * event loop, since the adapter computes on the same cores (naps.ts): other work of the process has about a thousand turns a second.
 * @throws UserError when there is no adapter of the wanted kind, with what to install.
 */
export async function openDevice(options: OpenDeviceOptions = {}): Promise<Device> {
  if (options.device) {
    const given = describeAdapter(options.device.adapterInfo);
    return new Device(options.device, given, { ownsDevice: false, ...napping(given) });
  }
  const kind = options.adapter ?? 'any';
  await offerSoftwareAdapter();
  const enabled = [
    ...(options.unchecked ? ['disable_robustness', 'skip_validation'] : []),
    ...(options.mixedPrecision ? ['allow_unsafe_apis', 'vulkan_enable_f16_on_nvidia'] : []),
  ];
  const dawn = create([
    'disable-dawn-features=timestamp_quantization',
    ...(enabled.length > 0 ? [`enable-dawn-features=${enabled.join(',')}`] : []),
  ]);
  const adapter = await dawn.requestAdapter({
    powerPreference: 'high-performance',
    forceFallbackAdapter: kind === 'software',
  });
  const description = adapter && describeAdapter(adapter.info);
  if (!adapter || !description || (kind === 'hardware' && description.kind !== 'hardware'))
    throw noAdapter(kind);
  const gpu = await adapter.requestDevice(deviceDescriptor(adapter));
  // Dawn's instance must outlive the device: the closure keeps it reachable.
  return new Device(gpu, description, {
    onDispose: () => void dawn,
    unchecked: options.unchecked ?? false,
    ...napping(description),
  });
}

function noAdapter(kind: 'any' | 'hardware' | 'software'): UserError {
  return new UserError(
    kind === 'hardware'
      ? 'no hardware WebGPU adapter found; install a GPU driver with Vulkan (Linux), Metal (macOS) or D3D12 (Windows), or ask for the software adapter'
      : `no WebGPU adapter found, neither hardware nor software; run \`${INSTALL_LINE}\` for the software adapter (Linux x64), or install a GPU driver`,
  );
}
