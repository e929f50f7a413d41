/** What the two training steps leave on a device, given weights, data and the draw: their gradients and their reports. */
import type { Dataset } from '../../src/data/dataset.ts';
import type { NetworkName } from '../../src/gan/checkpoint.ts';
import { uploadDataset } from '../../src/gan/resident-data.ts';
import type { TrainerSettings } from '../../src/gan/settings.ts';
import { drawValues, stepGraphs, stepRecordings } from '../../src/gan/steps.ts';
import { type StatusReport, decodeStatus, trainingBuffers } from '../../src/gan/training-buffers.ts';
import { flatten, unflatten } from '../../src/gan/weights.ts';
import type { Device, OwnedBuffer } from '../../src/gpu/device.ts';
import { Plan } from '../../src/gpu/plan.ts';
import { targetOf } from '../../src/gpu/target.ts';
import { networksOf } from '../../src/nn/architectures.ts';
import type { Tensors } from './stack-twin.ts';
import { tensorsOf } from './training-twin.ts';

/** Runs both steps with their updates switched off. */
export async function stepsOnDevice(
  device: Device,
  settings: TrainerSettings,
  weights: Readonly<Record<NetworkName, Tensors>>,
  data: Dataset,
  { draw, lambda }: { readonly draw: number; readonly lambda: number },
): Promise<Readonly<Record<NetworkName, Tensors>> & { readonly status: StatusReport | undefined }> {
  const networks = networksOf(settings.model);
  const buffers = trainingBuffers(device, settings, networks);
  const resident = uploadDataset(device, data);
  try {
    const buffer = (name: string): OwnedBuffer => buffers[name] as OwnedBuffer;
    for (const network of ['generator', 'critic'] as const) {
      const { layout } = networks[network];
      const shaped = layout.parameters.map(
        ({ name, shape }) => [name, { shape, data: Float32Array.from(weights[network].get(name)!) }] as const,
      );
      device.upload(buffer(`${network}.parameters`).buffer, 0, flatten(layout, new Map(shaped)));
    }
    const recordings = stepRecordings(stepGraphs(settings, networks, resident), targetOf(device));
    const externals: Record<string, GPUBuffer> = { data: resident.buffer.buffer };
    for (const [name, owned] of Object.entries(buffers)) externals[name] = owned.buffer;
    using plan = await Plan.create(device, recordings, externals);
    const values = { ...drawValues(draw, settings.batch, data.count), lambda, averageDecay: 0, enabled: 0 };
    plan.run([
      { phase: 'critic', values },
      { phase: 'generator', values },
    ]);
    const read = async (network: NetworkName): Promise<Tensors> => {
      const { layout } = networks[network];
      const flat = await device.readFloats(buffer(`${network}.gradients`).buffer, 0, layout.bytes / 4);
      return tensorsOf(unflatten(layout, flat));
    };
    const words = await device.readAll([buffer('status'), buffer('guard')]);
    const bytes = new Uint8Array(words.flatMap((part) => [...new Uint8Array(part)])).buffer;
    return {
      generator: await read('generator'),
      critic: await read('critic'),
      status: decodeStatus(bytes, settings),
    };
  } finally {
    for (const owned of [resident.buffer, ...Object.values(buffers)]) owned.dispose();
  }
}
