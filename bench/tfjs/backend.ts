/** tfjs with its WebGPU backend under Dawn in Node, on the adapter that the library runs on too. */
import * as tfjs from '@tensorflow/tfjs';
import * as webgpuBackend from '@tensorflow/tfjs-backend-webgpu';
import { globals } from 'webgpu';
import type { AdapterDescription } from '../../src/gpu/device.ts';
import { Naps } from '../../src/node/naps.ts';
import { requestAdapter } from '../adapter.ts';

export type Tfjs = typeof tfjs;

export interface TfjsBackend extends Disposable {
  readonly tf: Tfjs;
  readonly version: string;
  readonly device: GPUDevice;
  readonly adapter: AdapterDescription;
}

/** Limits that tfjs's own start-up raises to what the adapter has. */
const RAISED_LIMITS = [
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
] as const;

/** Starts tfjs on a GPUDevice of its own, opened as tfjs itself would in a browser. */
export async function startTfjs(): Promise<TfjsBackend> {
  const { adapter, description, instance } = await requestAdapter();
  const device = await adapter.requestDevice({
    label: 'tfjs',
    requiredFeatures: adapter.features.has('timestamp-query') ? ['timestamp-query'] : [],
    requiredLimits: Object.fromEntries(RAISED_LIMITS.map((name) => [name, adapter.limits[name]])),
  });
  if (description.kind === 'software') restWhileMapping(device);
  // What tfjs looks for in a browser: WebGPU's globals (GPUBufferUsage and the like), all of them read after import.
  Object.assign(globalThis, globals);
  // It asks navigator.gpu whether there is WebGPU. Node 20 has no navigator, later ones a read-only one.
  const { navigator = {} } = globalThis as { navigator?: object };
  Object.defineProperty(navigator, 'gpu', { value: instance, configurable: true });
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  const tf = tfjs;
  tf.registerBackend('webgpu', () => new webgpuBackend.WebGPUBackend(device, adapter.info as never), 3);
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs: its WebGPU backend did not start');
  await tf.ready();
  return {
    tf,
    version: tf.version.tfjs,
    device,
    adapter: description,
    [Symbol.dispose]() {
      tf.removeBackend('webgpu');
      device.destroy();
    },
  };
}

/** Lets the process sleep while tfjs reads a result, as it does for ours: else it would take the time of the threads that compute. */
function restWhileMapping(device: GPUDevice): void {
  const naps = new Naps();
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer(descriptor);
    const mapAsync = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = async (...range) => {
      const arrived = naps.begin();
      try {
        return await mapAsync(...range);
      } finally {
        arrived();
      }
    };
    return buffer;
  };
}
