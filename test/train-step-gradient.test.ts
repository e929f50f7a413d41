/**
 * The gradients that whole critic and generator steps leave on the GPU, against the same steps in float64, which are
 * themselves held against central differences.
 */
import { describe, expect, it } from 'vitest';
import { type Dataset, dataset } from '../src/data/dataset.ts';
import { threefryNormals, threefryUniforms } from '../src/data/random.ts';
import type { NetworkName } from '../src/gan/checkpoint.ts';
import {
  type Cost,
  FORMS,
  GENERATOR_LOSSES,
  TRAINING_COSTS,
  type TrainerOptions,
  type TrainerSettings,
  trainerSettings,
} from '../src/gan/settings.ts';
import { sizeOf } from '../src/graph/graph.ts';
import { type Architecture, architecture, linear, mlp, networksOf } from '../src/nn/architectures.ts';
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

const SAMPLE = [5];
const MODELS: Readonly<Record<string, Architecture>> = {
  'shared trunk': mlp({ sample: SAMPLE, latent: 3, hidden: [9, 6] }),
  'separate critics': mlp({ sample: SAMPLE, latent: 3, hidden: [9], sharedTrunk: false }),
  'linear generator': linear({ sample: SAMPLE, latent: 2, hidden: [7] }),
  'linear throughout': linear({ sample: SAMPLE, latent: 2, hidden: [] }),
  'quadratic critics': linear({ sample: SAMPLE, latent: 2, critic: 'quadratic' }),
  'quadratic heads, one without a constant': architecture({
    sample: SAMPLE,
    latent: 2,
    generator: [{ kind: 'dense', units: 5 }],
    critic: {
      real: [
        { kind: 'dense', units: 4, activation: 'tanh' },
        { kind: 'quadratic', bias: false },
      ],
      fake: [{ kind: 'quadratic' }],
    },
  }),
  'layers of all kinds': architecture({
    sample: SAMPLE,
    latent: 4,
    generator: [
      { kind: 'dense', units: 6, activation: 'tanh', bias: false },
      { kind: 'dense', units: 8, activation: 'softplus' },
      { kind: 'dense', units: 5, activation: 'linear' },
    ],
    critic: {
      trunk: [
        { kind: 'dense', units: 7, activation: 'leaky-relu', slope: 0.1 },
        { kind: 'dense', units: 6, activation: 'tanh', bias: false },
        { kind: 'dense', units: 4, activation: 'sigmoid' },
      ],
    },
  }),
};
/** The cosine costs of these batches differ by tens, the others by a few units. */
const lambdaOf = ({ cost }: Pick<TrainerSettings, 'cost'>): number => (cost === 'cosine' ? 5 : 0.5);
const BATCH = 37; // crosses a tile of 32

const uniforms = threefryUniforms(50 * 5, [1, 1]);
const FLOATS = dataset({ data: uniforms, shape: [50, 5] });
const BYTES = dataset({ data: Uint8Array.from(uniforms, (u) => 255 * u), shape: [50, 5] });

/** Weights of order 1/√inputs, biases included; the hinge form gets a low D₂, so that some of its pairs are coupled. */
function weightsOf(settings: TrainerSettings): Readonly<Record<NetworkName, Tensors>> {
  const networks = networksOf(settings.model);
  const make = (network: NetworkName): Tensors => {
    let inputs = 1; // of the layer at hand: a bias follows its weight
    return new Map(
      networks[network].layout.parameters.map(({ name, shape }, index) => {
        if (shape.length > 1) inputs = sizeOf(shape) / shape.at(-1)!;
        const isLastBias = name.startsWith('fake') && shape.join() === '1';
        const low = settings.cost === 'cosine' ? -80 : -8;
        const shift = isLastBias && settings.form === 'hinge' ? low : 0;
        const normals = threefryNormals(sizeOf(shape), [7, index + (network === 'critic' ? 100 : 0)]);
        return [name, normals.map((z) => Math.fround(z / Math.sqrt(inputs) + shift))];
      }),
    );
  };
  return { generator: make('generator'), critic: make('critic') };
}

function stepInputs(settings: TrainerSettings, data: Dataset, draw: number): StepInputs {
  return { settings, lambda: lambdaOf(settings), ...drawOf(settings, data, draw), ...weightsOf(settings) };
}

/** In float32 a sum over the batch whose terms cancel is off by about 1e-7 of a network's gradient; 1e-5 of a tensor's is usual. */
const ALLOWED = 2e-4;

/** Every combination of losses, on one model. */
function settingsOf(
  model: Architecture,
  batch: number,
  costs: readonly Cost[] = TRAINING_COSTS,
): TrainerSettings[] {
  const options = costs.flatMap((cost) =>
    FORMS.flatMap((form) =>
      GENERATOR_LOSSES.map(
        (generatorLoss) => ({ cost, form, generatorLoss }) satisfies Partial<TrainerOptions>,
      ),
    ),
  );
  return options.map((option) =>
    trainerSettings({ model, lambda: lambdaOf(option), batch, seed: 3, ...option }),
  );
}

const nameOf = ({ cost, form, generatorLoss }: TrainerSettings): string =>
  `${cost}, ${form}, ${generatorLoss}`;

describe('the float64 twin of a training step', () => {
  for (const [name, model] of Object.entries(MODELS)) {
    it(`agrees with central differences: ${name}`, () => {
      for (const settings of settingsOf(model, 6)) {
        const inputs = stepInputs(settings, FLOATS, 0);
        const { p } = stepObjective(inputs);
        expect(p.some((x) => x > 0)).toBe(true);
        const critic = differences(inputs.critic, (weights) => criticLoss({ ...inputs, critic: weights }));
        const generator = differences(inputs.generator, (weights) =>
          generatorLossOf({ ...inputs, generator: weights }, settings.generatorLoss, p),
        );
        expect(worstError(critic, criticGradients(inputs)), nameOf(settings)).toBeLessThan(1e-6);
        expect(worstError(generator, generatorGradients(inputs)), nameOf(settings)).toBeLessThan(1e-6);
      }
    });
  }
});

describeGpu('gradients of whole training steps', (device) => {
  for (const [name, model] of Object.entries(MODELS)) {
    it(name, async () => {
      let worst = 0;
      // What the cosine cost has of its own is before the critics: one model shows it.
      const costs = TRAINING_COSTS.filter((cost) => cost !== 'cosine' || name === 'shared trunk');
      for (const settings of settingsOf(model, BATCH, costs)) {
        for (const [data, draw] of [
          [FLOATS, 1], // the batch runs past the end of an epoch
          [BYTES, 0],
        ] as const) {
          const found = await stepsOnDevice(device, settings, weightsOf(settings), data, {
            draw,
            lambda: lambdaOf(settings),
          });
          const inputs = stepInputs(settings, data, draw);
          const critic = worstError(found.critic, criticGradients(inputs));
          const generator = worstError(found.generator, generatorGradients(inputs));
          worst = Math.max(worst, critic, generator);
          expect(critic, `critic step, ${nameOf(settings)}`).toBeLessThan(ALLOWED);
          expect(generator, `generator step, ${nameOf(settings)}`).toBeLessThan(ALLOWED);
        }
      }
      console.log(`${name}: largest relative error of a gradient tensor ${worst.toExponential(1)}`);
    });
  }

  it('a batch of one', async () => {
    const settings = trainerSettings({
      model: MODELS['shared trunk']!,
      form: 'exp',
      lambda: 0.5,
      batch: 1,
      seed: 5,
    });
    const found = await stepsOnDevice(device, settings, weightsOf(settings), FLOATS, {
      draw: 60,
      lambda: lambdaOf(settings),
    });
    const inputs = stepInputs(settings, FLOATS, 60);
    expect(worstError(found.critic, criticGradients(inputs))).toBeLessThan(ALLOWED);
    expect(worstError(found.generator, generatorGradients(inputs))).toBeLessThan(ALLOWED);
  });
});
