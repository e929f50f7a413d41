/** Opens a WebGPU device in a page or a worker. */
import { Device, describeAdapter, deviceDescriptor } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';

export interface OpenDeviceOptions {
  /** A GPUDevice that the application has; it stays the application's and is not destroyed on dispose. */
  readonly device?: GPUDevice;
  /** Of a machine with two GPUs; default: the browser's choice. Windows ignores it. */
  readonly powerPreference?: GPUPowerPreference;
}

const WHEN_LOST = 'reload the page to open a new one';

/**
 * Opens a device.
 * @throws UserError where there is no WebGPU or no adapter, with what a visitor can do about it.
 */
export async function openDevice({ device, powerPreference }: OpenDeviceOptions = {}): Promise<Device> {
  if (device)
    return new Device(device, describeAdapter(device.adapterInfo), {
      ownsDevice: false,
      whenLost: WHEN_LOST,
    });
  // Absent in browsers without WebGPU, whatever the types say.
  const gpu = (navigator as Partial<Navigator>).gpu;
  if (!gpu)
    throw new UserError(
      isSecureContext
        ? 'this browser has no WebGPU; use a current Chrome, Edge, Firefox or Safari, and switch hardware acceleration on in its settings'
        : 'WebGPU is only there on secure pages; open this page over https, or from localhost',
    );
  const adapter = await gpu.requestAdapter(powerPreference ? { powerPreference } : {});
  if (!adapter)
    throw new UserError(
      'this browser has WebGPU but found no graphics adapter to run it on; switch hardware acceleration on in its settings, update the graphics driver, or try another browser',
    );
  const description = describeAdapter(adapter.info);
  let opened: GPUDevice;
  try {
    opened = await adapter.requestDevice(deviceDescriptor(adapter));
  } catch (cause) {
    throw new UserError(
      `the graphics adapter gave no device (${(cause as Error).message}); close other pages that use the GPU, and reload the page`,
      { cause },
    );
  }
  return new Device(opened, description, { whenLost: WHEN_LOST });
}
