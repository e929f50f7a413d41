/** The convolutional networks: the paper's shapes, what is refused, and frozen generators as fixed functions. */
import { describe, expect, it } from 'vitest';
import { threefryNormals } from '../src/data/random.ts';
import { frozenStatistics } from '../src/gan/freeze.ts';
import { PRESETS, presetOptions } from '../src/gan/presets.ts';
import { trainerSettings } from '../src/gan/settings.ts';
import { Trainer } from '../src/gan/trainer.ts';
import { unflatten } from '../src/gan/weights.ts';
import { UserError } from '../src/gpu/errors.ts';
import { evaluate } from '../src/graph/evaluate.ts';
import { dataset } from '../src/data/dataset.ts';
import { architecture, dcgan, networksOf } from '../src/nn/architectures.ts';
import { initialParameters } from '../src/nn/initialise.ts';
import { applyStack, outputShape } from '../src/nn/layers.ts';
import { adam } from '../src/nn/optimisers.ts';
import { describeGpu } from './support/device.ts';

const shapesOf = (layout: { parameters: readonly { name: string; shape: readonly number[] }[] }) =>
  Object.fromEntries(layout.parameters.map(({ name, shape }) => [name, shape.join('×')]));

describe('dcgan', () => {
  it('has the paper’s layers for 28×28×1', () => {
    const networks = networksOf(dcgan({ image: [28, 28, 1], latent: 128, width: 64 }));
    expect(shapesOf(networks.generator.layout)).toEqual({
      'layers.0.weight': '128×4096',
      'layers.1.gamma': '4096',
      'layers.1.beta': '4096',
      'layers.3.weight': '5×5×128×256',
      'layers.4.gamma': '128',
      'layers.4.beta': '128',
      'layers.6.weight': '5×5×64×128',
      'layers.7.gamma': '64',
      'layers.7.beta': '64',
      'layers.8.weight': '5×5×1×64',
      'layers.8.bias': '1',
    });
    expect(networks.generator.stack.layers[5]).toEqual({ kind: 'crop', height: 7, width: 7 });
    expect(outputShape(networks.generator.stack)).toEqual([28, 28, 1]);
    expect(shapesOf(networks.generator.statistics)).toEqual({
      'layers.1.mean': '4096',
      'layers.1.variance': '4096',
      'layers.4.mean': '128',
      'layers.4.variance': '128',
      'layers.7.mean': '64',
      'layers.7.variance': '64',
    });
    expect(shapesOf(networks.critic.layout)).toEqual({
      'trunk.0.weight': '5×5×1×64',
      'trunk.0.bias': '64',
      'trunk.1.weight': '5×5×64×128',
      'trunk.1.bias': '128',
      'trunk.2.weight': '5×5×128×256',
      'trunk.2.bias': '256',
      'real.0.weight': '4096×1', // D₁'s head has no bias
      'fake.0.weight': '4096×1',
      'fake.0.bias': '1',
    });
  });

  it('has them without the crop for 32×32×3', () => {
    const { generator, critic } = networksOf(dcgan({ image: [32, 32, 3] }));
    expect(generator.stack.layers.some(({ kind }) => kind === 'crop')).toBe(false);
    expect(outputShape(generator.stack)).toEqual([32, 32, 3]);
    expect(shapesOf(generator.layout)['layers.7.weight']).toBe('5×5×3×64');
    expect(outputShape(critic.trunk!)).toEqual([4, 4, 256]);
  });

  it.each([[[16, 16, 1]], [[9, 13, 2]], [[1, 1, 1]]] as const)('makes images of any size: %j', (image) => {
    expect(outputShape(networksOf(dcgan({ image: [...image], width: 2 })).generator.stack)).toEqual([
      ...image,
    ]);
  });

  it('begins with weights of standard deviation √(4/(fan_in + fan_out)), Glorot’s in dense layers', () => {
    const { layout } = networksOf(dcgan({ image: [28, 28, 1] })).generator;
    const weights = unflatten(layout, initialParameters(layout, 3, 0));
    const deviation = (name: string): number => {
      const { data } = weights.get(name)!;
      return Math.sqrt(data.reduce((sum, w) => sum + w * w, 0) / data.length);
    };
    expect(deviation('layers.0.weight')).toBeCloseTo(Math.sqrt(2 / (128 + 4096)), 4);
    // 256 channels in, under 5×5/2² windows of each pixel; 128 out.
    expect(deviation('layers.3.weight')).toBeCloseTo(Math.sqrt(4 / ((256 * 25) / 4 + 128 * 25)), 3);
    expect(weights.get('layers.1.gamma')!.data.every((g) => g === 1)).toBe(true);
    expect(weights.get('layers.1.beta')!.data.every((b) => b === 0)).toBe(true);
  });

  it.each([
    ['no image', () => dcgan({ image: [784] as unknown as [number, number, number] }), /image is \[784\]/],
    ['no width', () => dcgan({ image: [28, 28, 1], width: 0 }), /width is 0/],
    [
      'a convolution of a row',
      () =>
        architecture({
          sample: [6],
          latent: 2,
          generator: [{ kind: 'dense', units: 6 }],
          critic: { trunk: [{ kind: 'conv2d', filters: 2, kernel: 3 }] },
        }),
      /trunk\.0: conv2d takes images.*\[6\]/,
    ],
    [
      'a batch norm in a critic',
      () =>
        architecture({
          sample: [6],
          latent: 2,
          generator: [{ kind: 'dense', units: 6 }],
          critic: { trunk: [{ kind: 'batch-norm' }] },
        }),
      /critic\.trunk has a batch norm/,
    ],
    [
      'a reshape to another size',
      () =>
        architecture({
          sample: [6],
          latent: 2,
          generator: [
            { kind: 'dense', units: 6 },
            { kind: 'reshape', shape: [2, 2, 2] },
          ],
          critic: { trunk: [] },
        }),
      /layers\.1: cannot reshape \[6\]/,
    ],
    [
      'a crop beyond the image',
      () =>
        architecture({
          sample: [3, 3, 1],
          latent: 4,
          generator: [
            { kind: 'reshape', shape: [2, 2, 1] },
            { kind: 'crop', height: 3, width: 3 },
          ],
          critic: { trunk: [] },
        }),
      /layers\.1: crops to 3×3, its input is only 2×2/,
    ],
  ] as const)('refuses %s', (_, make, message) => {
    expect(make).toThrow(UserError);
    expect(make).toThrow(message);
  });
});

describe('presets', () => {
  it('and images that are none are named', () => {
    expect(() => presetOptions('fast' as 'quick-mnist', [28, 28, 1])).toThrow(
      'preset: name is "fast"; must be one of paper-mnist,',
    );
    expect(() => presetOptions('quick-mnist', undefined as unknown as [28, 28, 1])).toThrow(
      'dcgan: image is [undefined]; must be [height, width, channels]',
    );
  });

  it('are the published settings to the letter', () => {
    for (const name of ['paper-mnist', 'paper-mnist1'] as const) {
      const settings = trainerSettings(presetOptions(name, [28, 28, 1], 5));
      const optimiser = { kind: 'adam', rate: 2e-4, beta1: 0.5, beta2: 0.99, epsilon: 1e-8, clipNorm: 0 };
      expect(settings).toMatchObject({
        model: dcgan({ image: [28, 28, 1], latent: 128, width: 64 }),
        cost: 'l1',
        form: 'exp',
        generatorLoss: 'primal',
        lambda: [
          [0, 10],
          [49, 8],
          [99, 6.4],
          [199, 5],
        ],
        generator: optimiser,
        critic: optimiser,
        batch: 128,
        criticSteps: 5,
        skipRule: true,
        averageDecay: 0,
        seed: 5,
      });
    }
  });

  it.each(PRESETS)('%s makes a trainer’s settings', (name) => {
    expect(() => trainerSettings(presetOptions(name, [28, 28, 1]))).not.toThrow();
  });
});

describeGpu('a frozen generator', (device) => {
  const model = dcgan({ image: [28, 28, 1], latent: 5, width: 3 });
  const { generator } = networksOf(model);
  const latents = Float32Array.from(threefryNormals(70 * 5, [1, 2]));

  it('gives the same image for a latent whatever its batch, bit for bit', async () => {
    const { layout, stack } = generator;
    const weights = unflatten(layout, initialParameters(layout, 1, 0));
    const statistics = await frozenStatistics(device, model, weights);
    const images = async (rows: readonly number[]): Promise<Float32Array> => {
      const chosen = Float32Array.from(rows.flatMap((row) => [...latents.subarray(row * 5, row * 5 + 5)]));
      const named = (prefix: string, of: typeof weights) =>
        [...of].map(([name, tensor]) => [`${prefix}.${name}`, tensor] as const);
      const { out } = await evaluate(
        device,
        {
          latents: { data: chosen, shape: [rows.length, 5] },
          ...Object.fromEntries([...named('p', weights), ...named('s', statistics)]),
        },
        (graph, tensors) => {
          const under = (prefix: string) =>
            new Map(
              Object.entries(tensors)
                .filter(([name]) => name.startsWith(`${prefix}.`))
                .map(([name, tensor]) => [name.slice(2), tensor]),
            );
          return {
            out: applyStack(graph, stack, under('p'), tensors['latents']!, {
              by: 'statistics',
              statistics: under('s'),
            }),
          };
        },
      );
      return out;
    };
    const all = await images(Array.from({ length: 70 }, (_, i) => i));
    expect(Math.max(...all) - Math.min(...all)).toBeGreaterThan(0.1);
    for (const rows of [[0], [69], [33, 4, 50], Array.from({ length: 37 }, (_, i) => 69 - i)]) {
      const some = await images(rows);
      rows.forEach((row, at) =>
        expect(some.slice(at * 784, (at + 1) * 784)).toEqual(all.slice(row * 784, (row + 1) * 784)),
      );
    }
  });

  it('is what a trained model is, in the trainer and from its weights', async () => {
    using trainer = await Trainer.create(device, {
      model,
      lambda: 1,
      batch: 8,
      criticSteps: 1,
      generator: adam({ rate: 1e-2, beta1: 0.5, beta2: 0.99 }),
    });
    const data = dataset({
      data: Uint8Array.from({ length: 16 * 784 }, (_, i) => (i * 37) % 256),
      shape: [16, 28, 28, 1],
    });
    for await (const _ of trainer.run(data, { steps: 3 })) void _;
    const trained = await trainer.model();
    expect([...trained.statistics.keys()]).toEqual(generator.statistics.parameters.map(({ name }) => name));
    expect(trained.statistics.get('layers.1.variance')!.data.every((v) => v > 0)).toBe(true);
    expect(await frozenStatistics(device, model, trained.generator)).toEqual(trained.statistics);
  });
});
