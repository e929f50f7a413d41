/**
 * The loss scales of mixed precision, in training steps whose products are float32 all the same, so that any adapter runs them: a
 * power of two changes no bit of what is learnt, an overflow voids its update and halves the scale. What f16 does to the products,
 * and how a scale grows and ends, is in the cases of the kernels.
 */
import { expect, it } from 'vitest';
import { dataset } from '../src/data/dataset.ts';
import { threefryUniforms } from '../src/data/random.ts';
import { NETWORKS, type NetworkName } from '../src/gan/checkpoint.ts';
import { uploadDataset } from '../src/gan/resident-data.ts';
import { type TrainerOptions, trainerSettings } from '../src/gan/settings.ts';
import { drawValues, stepGraphs, stepRecordings } from '../src/gan/steps.ts';
import {
  type StatusReport,
  decodeStatus,
  lossScaleAt,
  trainingBuffers,
} from '../src/gan/training-buffers.ts';
import type { Device, OwnedBuffer } from '../src/gpu/device.ts';
import { Plan } from '../src/gpu/plan.ts';
import { targetOf } from '../src/gpu/target.ts';
import { mlp, networksOf } from '../src/nn/architectures.ts';
import { initialParameters } from '../src/nn/initialise.ts';
import { adam, rmsprop } from '../src/nn/optimisers.ts';
import { describeGpu } from './support/device.ts';

const DATA = dataset({ data: threefryUniforms(50 * 4, [1, 1]), shape: [50, 4] });
const OPTIONS = {
  model: mlp({ sample: [4], latent: 3, hidden: [8] }),
  lambda: 0.5,
  batch: 16,
  averageDecay: 0.9,
  critic: adam({ rate: 1e-3 }),
  generator: rmsprop({ rate: 1e-3, clipNorm: 0.05 }),
} as const satisfies TrainerOptions;

interface Trained {
  readonly weights: Readonly<Record<NetworkName, Float32Array>>;
  readonly average: Float32Array;
  readonly status: StatusReport | undefined;
}

/** Trains some iterations of one critic step and one generator step, from loss scales of one's own where they are given. */
async function train(
  device: Device,
  options: TrainerOptions,
  iterations: number,
  scales: Partial<Record<NetworkName, number>> = {},
): Promise<Trained> {
  const settings = trainerSettings(options);
  const networks = networksOf(settings.model);
  const buffers = trainingBuffers(device, settings, networks);
  const resident = uploadDataset(device, DATA);
  try {
    const { buffer: guard } = buffers['guard'] as OwnedBuffer;
    NETWORKS.forEach((network, stream) => {
      const initial = initialParameters(networks[network].layout, settings.seed, stream);
      device.upload((buffers[`${network}.parameters`] as OwnedBuffer).buffer, 0, initial);
      const scale = scales[network];
      if (scale !== undefined) device.upload(guard, 4 * lossScaleAt(network), Float32Array.of(scale));
    });
    const recordings = stepRecordings(stepGraphs(settings, networks, resident), targetOf(device));
    const externals: Record<string, GPUBuffer> = { data: resident.buffer.buffer };
    for (const [name, owned] of Object.entries(buffers)) externals[name] = owned.buffer;
    using plan = await Plan.create(device, recordings, externals);
    for (let i = 0; i < iterations; i++)
      plan.run(
        (['critic', 'generator'] as const).map((phase, draw) => ({
          phase,
          values: {
            ...drawValues(2 * i + draw, settings.batch, DATA.count),
            lambda: OPTIONS.lambda,
            averageDecay: settings.averageDecay,
            enabled: 1,
          },
        })),
      );
    const floats = async (name: string): Promise<Float32Array> => {
      const { buffer, bytes } = buffers[name] as OwnedBuffer;
      return await device.readFloats(buffer, 0, bytes / 4);
    };
    const words = await device.readAll([buffers['status'] as OwnedBuffer, buffers['guard'] as OwnedBuffer]);
    const bytes = new Uint8Array(words.flatMap((part) => [...new Uint8Array(part)])).buffer;
    return {
      weights: { generator: await floats('generator.parameters'), critic: await floats('critic.parameters') },
      average: await floats('generator.average'),
      status: decodeStatus(bytes, settings),
    };
  } finally {
    for (const owned of [resident.buffer, ...Object.values(buffers)]) owned.dispose();
  }
}

describeGpu('loss scales', (device) => {
  it('change no bit of what is learnt', async () => {
    const plain = await train(device, OPTIONS, 6);
    const scaled = await train(device, { ...OPTIONS, precision: 'mixed' }, 6);
    expect(plain.status).toBeDefined();
    expect(plain.status).not.toHaveProperty('lossScales');
    expect(scaled).toEqual({
      ...plain,
      status: {
        ...plain.status,
        lossScales: { generator: { scale: 65536, overflows: 0 }, critic: { scale: 65536, overflows: 0 } },
      },
    });
    const before = await train(device, OPTIONS, 0);
    expect(scaled.weights.critic).not.toEqual(before.weights.critic);
    expect(scaled.weights.generator).not.toEqual(before.weights.generator);
  });

  it('are halved by an overflow, which voids its update and that of no other network', async () => {
    // Gradients times 2^127 are infinite in float32 too, as are the squares of those times 2^70.
    const options = { ...OPTIONS, precision: 'mixed' } as const;
    const before = await train(device, options, 0);
    const after = await train(device, options, 3, { critic: 2 ** 127 });
    expect(after.weights.critic).toEqual(before.weights.critic);
    expect(after.weights.generator).not.toEqual(before.weights.generator);
    expect(after.status?.lossScales).toEqual({
      generator: { scale: 65536, overflows: 0 },
      critic: { scale: 2 ** 124, overflows: 3 },
    });
  });

  it('let updates through once they are low enough', async () => {
    const options = { ...OPTIONS, precision: 'mixed' } as const;
    const before = await train(device, options, 0);
    const found = await train(device, options, 40, { critic: 2 ** 80 });
    const { scale, overflows } = found.status!.lossScales!.critic;
    expect(overflows).toBeGreaterThan(5);
    expect(overflows).toBeLessThan(40);
    expect(scale).toBe(2 ** (80 - overflows));
    expect(found.weights.critic).not.toEqual(before.weights.critic);
  });
});
