/**
 * The gradient penalty through convolutions: the critic step's gradients on the GPU, which differentiate the backward pass
 * once more, against central differences of the penalised loss in float64.
 */
import { expect, it } from 'vitest';
import { dataset } from '../src/data/dataset.ts';
import { threefryNormals, threefryUniforms } from '../src/data/random.ts';
import { trainerSettings } from '../src/gan/settings.ts';
import { STREAMS } from '../src/gan/streams.ts';
import { sizeOf } from '../src/graph/graph.ts';
import { type Architecture, architecture, networksOf } from '../src/nn/architectures.ts';
import type { Layer } from '../src/nn/layers.ts';
import { interpolate } from './reference/interpolate.ts';
import { worstError } from './support/compare-gradients.ts';
import { describeGpu } from './support/device.ts';
import { type Tensors, backward, forward } from './support/stack-twin.ts';
import { stepsOnDevice } from './support/step-gradients.ts';
import { drawOf } from './support/training-twin.ts';

const BATCH = 4;
const DRAW = 1;
const SAMPLE = [6, 7, 2];

function model(
  activation: 'tanh' | 'softplus' | 'sigmoid' | 'leaky-relu',
  transposed: boolean,
): Architecture {
  const middle: Layer = transposed
    ? { kind: 'conv2d-transpose', filters: 2, kernel: 3, stride: 2, activation }
    : { kind: 'conv2d', filters: 3, kernel: 3, stride: 2, activation };
  return architecture({
    sample: SAMPLE,
    latent: 2,
    generator: [{ kind: 'dense', units: sizeOf(SAMPLE) }],
    critic: {
      trunk: [
        { kind: 'conv2d', filters: 3, kernel: 5, stride: 2, activation },
        middle,
        { kind: 'crop', height: 2, width: 2 },
      ],
    },
  });
}

/** J = mean D(y) − mean D(ŷ) − 10·mean (‖∇D(x̂)‖ − 1)², negated. */
function lossOf(
  { critic: { trunk, fake: head } }: ReturnType<typeof networksOf>,
  weights: Tensors,
  { real, fake, between }: Readonly<Record<'real' | 'fake' | 'between', Float64Array>>,
): number {
  const values = (x: Float64Array) => {
    const features = forward(trunk!, weights, x);
    return { features, out: forward(head, weights, features.output) };
  };
  const mean = (x: Float64Array): number => x.reduce((sum, value) => sum + value, 0) / x.length;
  const at = values(between);
  const unused = new Map<string, Float64Array>();
  const toFeatures = backward(head, weights, at.out, new Float64Array(BATCH).fill(1), unused);
  const slopes = backward(trunk!, weights, at.features, toFeatures, unused);
  const d = slopes.length / BATCH;
  const penalty = Float64Array.from(
    { length: BATCH },
    (_, i) => (Math.hypot(...slopes.subarray(i * d, (i + 1) * d)) - 1) ** 2,
  );
  return mean(values(fake).out.output) - mean(values(real).out.output) + 10 * mean(penalty);
}

describeGpu('the gradient penalty through convolutions', (device) => {
  it.each([
    ['tanh', false],
    ['softplus', true],
    ['sigmoid', false],
    ['leaky-relu', true],
  ] as const)('%s, transposed: %s', async (activation, transposed) => {
    const settings = trainerSettings({
      model: model(activation, transposed),
      objective: 'wgan-gp',
      lambda: 1,
      batch: BATCH,
      seed: 3,
    });
    const networks = networksOf(settings.model);
    const data = dataset({
      data: Float32Array.from(threefryNormals(9 * sizeOf(SAMPLE), [1, 1])),
      shape: [9, ...SAMPLE],
    });
    const make = (network: 'generator' | 'critic', seed: number): Tensors =>
      new Map(
        networks[network].layout.parameters.map(({ name, shape, initial }, index) => [
          name,
          threefryNormals(sizeOf(shape), [seed, index]).map((z) =>
            Math.fround(('limit' in initial ? 1.5 * initial.limit : 0.3) * z),
          ),
        ]),
      );
    const weights = { generator: make('generator', 5), critic: make('critic', 6) };
    const { real, latents } = drawOf(settings, data, DRAW);
    const fake = forward(networks.generator.stack, weights.generator, latents).output;
    const epsilons = threefryUniforms(BATCH, [settings.seed, STREAMS.interpolation], DRAW);
    const between = interpolate(real, fake, epsilons, (x) => x);
    const h = activation === 'leaky-relu' ? 1e-6 : 1e-4; // no kink within h
    const expected: Tensors = new Map(
      [...weights.critic].map(([name, values]) => [
        name,
        values.map((value, i) => {
          const at = (step: number): number =>
            lossOf(networks, new Map([...weights.critic, [name, values.with(i, value + step)]]), {
              real,
              fake,
              between,
            });
          return (at(h) - at(-h)) / (2 * h);
        }),
      ]),
    );
    const found = await stepsOnDevice(device, settings, weights, data, { draw: DRAW, lambda: 1 });
    expect(found.status?.penalty).toBeGreaterThan(0.1);
    const error = worstError(found.critic, expected);
    console.log(`${activation}, transposed ${transposed}: ${error.toExponential(1)}`);
    expect(error).toBeLessThan(2e-5);
  });
});
