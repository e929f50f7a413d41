/**
 * The gradients of whole training steps of networks for images, on the GPU against float64, which is itself held against
 * central differences: convolutions both ways, batch norm by the batch's statistics, crops, one trunk or two critics.
 */
import { describe, expect, it } from 'vitest';
import { dataset } from '../src/data/dataset.ts';
import { threefryNormals, threefryUniforms } from '../src/data/random.ts';
import type { NetworkName } from '../src/gan/checkpoint.ts';
import { GENERATOR_LOSSES, type TrainerSettings, trainerSettings } from '../src/gan/settings.ts';
import { sizeOf } from '../src/graph/graph.ts';
import { type Architecture, architecture, dcgan, networksOf } from '../src/nn/architectures.ts';
import type { Layer } from '../src/nn/layers.ts';
import { differences, worstError } from './support/compare-gradients.ts';
import { describeGpu } from './support/device.ts';
import type { Tensors } from './support/stack-twin.ts';
import { stepsOnDevice } from './support/step-gradients.ts';
import {
  type StepInputs,
  criticGradients,
  criticLoss,
  drawOf,
  generatorGradients,
  generatorLossOf,
  stepObjective,
} from './support/training-twin.ts';

const COUNT = 20;

/** A critic of its own, ending in one unit. */
const critic = (filters: number): Layer[] => [
  { kind: 'conv2d', filters, kernel: 3, activation: 'tanh' },
  { kind: 'conv2d', filters: 3, kernel: 4, stride: 3, activation: 'softplus', bias: false },
  { kind: 'flatten' },
  { kind: 'dense', units: 1 },
];

const SMALL: Readonly<Record<string, Architecture>> = {
  'dcgan, 8 × 8 × 1': dcgan({ image: [8, 8, 1], latent: 3, width: 1 }),
  'dcgan, 7 × 6 × 2, cropped': dcgan({ image: [7, 6, 2], latent: 3, width: 1, output: 'tanh' }),
  'layers of all kinds': architecture({
    sample: [5, 7, 2],
    latent: 4,
    generator: [
      { kind: 'dense', units: 24, activation: 'softplus' },
      { kind: 'reshape', shape: [3, 4, 2] },
      { kind: 'conv2d-transpose', filters: 3, kernel: 3, stride: 2, activation: 'tanh' },
      { kind: 'batch-norm', activation: 'leaky-relu', slope: 0.3 },
      { kind: 'crop', height: 5, width: 7 },
      { kind: 'conv2d', filters: 2, kernel: 2, bias: false },
      { kind: 'batch-norm', activation: 'sigmoid' },
    ],
    critic: { real: critic(2), fake: critic(3) },
  }),
};
const MNIST = dcgan({ image: [28, 28, 1], latent: 5, width: 2 });

const dataOf = ({ sample }: Architecture) =>
  dataset({
    data: Uint8Array.from(threefryUniforms(COUNT * sizeOf(sample), [1, 1]), (u) => 255 * u),
    shape: [COUNT, ...sample],
  });

/** In proportion to the cost, so that the coupling is not all on one pair. */
const lambdaOf = ({ sample }: Architecture): number => sizeOf(sample) / 16;

function settingsOf(model: Architecture, batch: number): TrainerSettings[] {
  return (['exp', 'logmeanexp'] as const).flatMap((form) =>
    GENERATOR_LOSSES.map((generatorLoss) =>
      trainerSettings({ model, lambda: lambdaOf(model), batch, seed: 3, form, generatorLoss }),
    ),
  );
}

/** 1e-6 of a tensor's gradient is usual; more where it cancels, as those of the biases in the logmeanexp form. */
const ALLOWED = 1e-3;

const nameOf = ({ form, generatorLoss }: TrainerSettings): string => `${form}, ${generatorLoss}`;

/** γ around 1, β and biases around 0, weights as large as it takes to hand on the variance of their inputs. */
function weightsOf(model: Architecture): Readonly<Record<NetworkName, Tensors>> {
  const networks = networksOf(model);
  const make = (network: NetworkName): Tensors =>
    new Map(
      networks[network].layout.parameters.map(({ name, shape, initial }, index) => {
        const normals = threefryNormals(sizeOf(shape), [8, index + (network === 'critic' ? 100 : 0)]);
        const [centre, scale] = 'limit' in initial ? [0, initial.limit / Math.sqrt(3)] : [initial.value, 0.3];
        return [name, normals.map((z) => Math.fround(centre + scale * z))];
      }),
    );
  return { generator: make('generator'), critic: make('critic') };
}

function stepInputs(settings: TrainerSettings, draw: number): StepInputs {
  const { model } = settings;
  return { settings, lambda: lambdaOf(model), ...drawOf(settings, dataOf(model), draw), ...weightsOf(model) };
}

describe('the float64 twin of a training step', () => {
  for (const [name, model] of Object.entries(SMALL)) {
    it(`agrees with central differences: ${name}`, () => {
      for (const settings of settingsOf(model, 4)) {
        const inputs = stepInputs(settings, 0);
        const { p } = stepObjective(inputs);
        const ofCritic = differences(inputs.critic, (weights) => criticLoss({ ...inputs, critic: weights }));
        const ofGenerator = differences(inputs.generator, (weights) =>
          generatorLossOf({ ...inputs, generator: weights }, settings.generatorLoss, p),
        );
        expect(worstError(ofCritic, criticGradients(inputs)), nameOf(settings)).toBeLessThan(1e-6);
        expect(worstError(ofGenerator, generatorGradients(inputs)), nameOf(settings)).toBeLessThan(1e-6);
      }
    });
  }
});

describeGpu('gradients of whole training steps', (device) => {
  for (const [name, model, batch] of [
    ...Object.entries(SMALL).map(([small, model]) => [small, model, 9] as const),
    ['dcgan, 28 × 28 × 1', MNIST, 3] as const,
  ]) {
    it(name, async () => {
      let worst = 0;
      for (const settings of settingsOf(model, batch)) {
        const at = { draw: 2, lambda: lambdaOf(model) };
        const found = await stepsOnDevice(device, settings, weightsOf(model), dataOf(model), at);
        const inputs = stepInputs(settings, at.draw);
        const ofCritic = worstError(found.critic, criticGradients(inputs));
        const ofGenerator = worstError(found.generator, generatorGradients(inputs));
        worst = Math.max(worst, ofCritic, ofGenerator);
        expect(ofCritic, `critic step, ${nameOf(settings)}`).toBeLessThan(ALLOWED);
        expect(ofGenerator, `generator step, ${nameOf(settings)}`).toBeLessThan(ALLOWED);
      }
      console.log(`${name}: largest relative error of a gradient tensor ${worst.toExponential(1)}`);
    });
  }
});
