/**
 * Training with the Wasserstein objectives: gradients of whole steps on the GPU against float64, which is itself held against
 * central differences, also through the gradient penalty's derivative of a derivative; bounded weights; reports; learning.
 */
import { describe, expect, it } from 'vitest';
import { dataset } from '../src/data/dataset.ts';
import { gaussianData } from '../src/data/gaussian.ts';
import { threefryNormals } from '../src/data/random.ts';
import type { Checkpoint, NetworkName } from '../src/gan/checkpoint.ts';
import { type TrainerOptions, type TrainerSettings, trainerSettings } from '../src/gan/settings.ts';
import { Trainer, type TrainingReport } from '../src/gan/trainer.ts';
import type { Device } from '../src/gpu/device.ts';
import { UserError } from '../src/gpu/errors.ts';
import { sizeOf } from '../src/graph/graph.ts';
import { type Architecture, architecture, linear, mlp, networksOf } from '../src/nn/architectures.ts';
import { adam, rmsprop } from '../src/nn/optimisers.ts';
import type { ActivationKind } from '../src/ops/activation-kinds.ts';
import { worstError } from './support/compare-gradients.ts';
import { describeGpu } from './support/device.ts';
import { stepsOnDevice } from './support/step-gradients.ts';
import type { Tensors } from './support/stack-twin.ts';
import { type StepInputs, drawOf } from './support/training-twin.ts';
import {
  criticGradients,
  criticLoss,
  generatorGradients,
  generatorLoss,
  stepObjective,
} from './support/wasserstein-twin.ts';

const SAMPLE = [5];
const ACTIVATIONS = ['relu', 'leaky-relu', 'sigmoid', 'tanh', 'softplus'] as const;

/** A shared trunk of two layers of one activation. */
function trunkOf(activation: ActivationKind): Architecture {
  return architecture({
    sample: SAMPLE,
    latent: 3,
    generator: [
      { kind: 'dense', units: 6, activation: 'tanh' },
      { kind: 'dense', units: 5 },
    ],
    critic: {
      trunk: [
        { kind: 'dense', units: 9, activation, slope: 0.1 },
        { kind: 'dense', units: 6, activation, bias: false },
      ],
    },
  });
}

const MODELS: Readonly<Record<string, Architecture>> = {
  ...Object.fromEntries(ACTIVATIONS.map((activation) => [`a trunk of ${activation}`, trunkOf(activation)])),
  'separate critics': mlp({ sample: SAMPLE, latent: 3, hidden: [9], sharedTrunk: false }),
  'a curved head': architecture({
    ...trunkOf('tanh'),
    critic: {
      real: [{ kind: 'dense', units: 1 }],
      fake: [
        { kind: 'dense', units: 7, activation: 'softplus' },
        { kind: 'dense', units: 1, activation: 'tanh' },
      ],
    },
  }),
  'a linear critic': linear({ sample: SAMPLE, latent: 2, hidden: [] }),
};

const DATA = dataset({ data: Float32Array.from(threefryNormals(50 * 5, [1, 1])), shape: [50, 5] });
const LAMBDA = 0.5;

/** Weights of order 1/√inputs, biases included. */
function weightsOf({ model }: TrainerSettings): Readonly<Record<NetworkName, Tensors>> {
  const networks = networksOf(model);
  const make = (network: NetworkName): Tensors =>
    new Map(
      networks[network].layout.parameters.map(({ name, shape }, index) => {
        const normals = threefryNormals(sizeOf(shape), [7, index + (network === 'critic' ? 100 : 0)]);
        const scale = shape.length > 1 ? 1.5 / Math.sqrt(shape[0]!) : 0.5;
        return [name, normals.map((z) => Math.fround(scale * z))];
      }),
    );
  return { generator: make('generator'), critic: make('critic') };
}

function inputsOf(settings: TrainerSettings, draw: number): StepInputs {
  return { settings, lambda: LAMBDA, ...drawOf(settings, DATA, draw), ...weightsOf(settings) };
}

const OBJECTIVES = ['wgan', 'wgan-gp'] as const;
const settingsOf = (objective: (typeof OBJECTIVES)[number], model: Architecture, batch: number) =>
  trainerSettings({ objective, model, lambda: LAMBDA, batch, seed: 3 });

/** ∂loss/∂weights by central differences of fourth order. */
function differences(weights: Tensors, loss: (weights: Tensors) => number, h = 1e-3): Tensors {
  return new Map(
    [...weights].map(([name, values]) => [
      name,
      values.map((value, i) => {
        const at = (step: number): number =>
          loss(new Map([...weights, [name, values.with(i, value + step)]]));
        return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      }),
    ]),
  );
}

describe('the float64 twin', () => {
  for (const [name, model] of Object.entries(MODELS))
    it.each(OBJECTIVES)(`agrees with central differences: ${name}, %s`, (objective) => {
      const settings = settingsOf(objective, model, 4);
      const inputs = inputsOf(settings, 2);
      const { penalty } = stepObjective(inputs, 2);
      if (objective === 'wgan-gp') expect(penalty).toBeGreaterThan(0.1);
      else expect(penalty).toBe(0);
      const piecewise = /relu|separate/.test(name); // no kink within 2h
      const h = piecewise ? 1e-5 : 1e-3;
      const critic = differences(inputs.critic, (w) => criticLoss({ ...inputs, critic: w }, 2), h);
      const generator = differences(inputs.generator, (w) => generatorLoss({ ...inputs, generator: w }), h);
      expect(worstError(critic, criticGradients(inputs, 2))).toBeLessThan(1e-7);
      expect(worstError(generator, generatorGradients(inputs))).toBeLessThan(1e-7);
    });
});

describeGpu('Wasserstein objectives', (device) => {
  describe('gradients of whole steps', () => {
    for (const [name, model] of Object.entries(MODELS))
      it.each(OBJECTIVES)(`${name}, %s`, async (objective) => {
        const batch = 37; // crosses a tile of 32
        const draw = 1; // runs past the end of an epoch
        const settings = settingsOf(objective, model, batch);
        const inputs = inputsOf(settings, draw);
        const found = await stepsOnDevice(device, settings, inputs, DATA, { draw, lambda: LAMBDA });
        const critic = worstError(found.critic, criticGradients(inputs, draw));
        const generator = worstError(found.generator, generatorGradients(inputs));
        console.log(
          `${name}, ${objective}: critic ${critic.toExponential(1)}, generator ${generator.toExponential(1)}`,
        );
        expect(critic).toBeLessThan(1e-5);
        expect(generator).toBeLessThan(1e-5);
        const expected = stepObjective(inputs, draw);
        for (const key of ['objective', 'penalty', 'meanCriticReal', 'meanCriticFake'] as const)
          expect(Math.abs(found.status![key] - expected[key])).toBeLessThan(1e-5 * (1 + expected.penalty));
      });
  });

  describe('training', () => {
    const SMALL: TrainerOptions = {
      model: mlp({ sample: SAMPLE, latent: 3, hidden: [8], output: 'linear' }),
      objective: 'wgan',
      lambda: LAMBDA,
      batch: 16,
      seed: 1,
      averageDecay: 0,
    };

    it('keeps every weight of the critic within the bound, and only those', async () => {
      const rate = 0.02;
      const critic = rmsprop({ rate, weightBound: 0.01 });
      const { checkpoint } = await trained(device, { ...SMALL, critic, generator: rmsprop({ rate }) }, 3);
      const bound = Math.fround(0.01);
      const ofCritic = [...checkpoint.model.critic.values()].flatMap(({ data }) => [...data]);
      expect(Math.max(...ofCritic.map(Math.abs))).toBe(bound); // rates so large reach it
      const ofGenerator = [...checkpoint.model.generator.values()].flatMap(({ data }) => [...data]);
      expect(Math.max(...ofGenerator.map(Math.abs))).toBeGreaterThan(bound);
    });

    it('leaves the layers of the other critic as they were', async () => {
      for (const sharedTrunk of [true, false]) {
        const model = mlp({ sample: SAMPLE, latent: 3, hidden: [8], output: 'linear', sharedTrunk });
        const options: TrainerOptions = { ...SMALL, model, objective: 'wgan-gp' };
        using untrained = await Trainer.create(device, options);
        const before = (await untrained.model()).critic;
        const after = (await trained(device, options, 2)).checkpoint.model.critic;
        for (const [name, { data }] of after) {
          if (name.startsWith('real.')) expect(data, name).toEqual(before.get(name)!.data);
          // D's last bias cancels between real and generated samples.
          else if (!/^fake\.\d+\.bias/.test(name)) expect(data, name).not.toEqual(before.get(name)!.data);
        }
      }
    });

    it('reports the objective and its penalty, and no coupling', async () => {
      for (const objective of OBJECTIVES) {
        const { reports } = await trained(device, { ...SMALL, objective }, 2);
        const { penalty, objective: value, meanCriticReal, meanCriticFake, ...rest } = reports[1]!;
        expect(Math.abs(meanCriticReal - meanCriticFake - penalty - value)).toBeLessThan(1e-5);
        if (objective === 'wgan') expect(penalty).toBe(0);
        else expect(penalty).toBeGreaterThan(0);
        const { meanP, maxRowError, maxColError, meanPLogP, transportCost, clippedPairs, ...known } = rest;
        for (const absent of [meanP, maxRowError, maxColError, meanPLogP, transportCost, clippedPairs])
          expect(absent).toBeNaN();
        expect(Object.values(known).every(Number.isFinite)).toBe(true);
      }
    });

    it('resumed, continues as if it had never stopped', async () => {
      const options: TrainerOptions = { ...SMALL, objective: 'wgan-gp', averageDecay: 0.9 };
      const { checkpoint: half } = await trained(device, options, 3);
      const { checkpoint: resumed } = await trained(device, half.model.configuration.settings, 5, half);
      const { checkpoint: whole } = await trained(device, options, 5);
      expect(resumed.model.generator).toEqual(whole.model.generator);
      expect(resumed.model.critic).toEqual(whole.model.critic);
    });

    it('stops where the objective is no longer finite, and says what to do', async () => {
      const critic = adam({ rate: 1e30 });
      const run = trained(device, { ...SMALL, objective: 'wgan-gp', critic }, 30);
      await expect(run).rejects.toThrow(/no longer finite by step \d+.*; lower the rates$/);
    });

    it('with a gradient penalty brings a linear generator to the law of Gaussian data', async () => {
      const { dataset: data, covariance } = gaussianData({ dims: 2, limit: 5000 });
      const options: TrainerOptions = {
        model: linear({ sample: [2], latent: 2, hidden: [32] }),
        objective: 'wgan-gp',
        lambda: LAMBDA,
        batch: 32,
        generator: adam({ rate: 0.03, beta1: 0, beta2: 0.9 }),
        critic: adam({ rate: 0.03, beta1: 0, beta2: 0.9 }),
      };
      using trainer = await Trainer.create(device, options);
      const distances: number[] = [];
      for (const steps of [0, 100, 200]) {
        if (steps > 0) for await (const _ of trainer.run(data, { steps })) continue;
        distances.push(frechetDistance((await trainer.model()).generator, covariance));
      }
      console.log(`Fréchet distances: ${distances.map((x) => x.toFixed(2)).join(', ')}`);
      expect(distances.at(-1)!).toBeLessThan(distances[0]! / 4);
    });
  });
});

/** The reports and the checkpoint after a number of steps. */
async function trained(
  device: Device,
  options: TrainerOptions,
  steps: number,
  resume?: Checkpoint,
): Promise<{ reports: TrainingReport[]; checkpoint: Checkpoint }> {
  using trainer = await Trainer.create(device, options, resume ? { resume } : {});
  const reports: TrainingReport[] = [];
  for await (const report of trainer.run(DATA, { steps, reportEvery: 1 })) reports.push(report);
  return { reports, checkpoint: await trainer.checkpoint() };
}

/**
 * Squared 2-Wasserstein distance of N(b, AAᵀ) and N(0, Σ) in two dimensions, ‖b‖² + tr AAᵀ + tr Σ − 2 tr (AAᵀΣ)^½, whose
 * last trace is √(tr M + 2√det M) of M = AAᵀΣ.
 */
function frechetDistance(generator: Checkpoint['model']['generator'], [a, b, , d]: Float64Array): number {
  const weight = generator.get('layers.0.weight')!.data; // Aᵀ, [2, 2]
  const bias = generator.get('layers.0.bias')!.data;
  const [p, q, r, s] = weight as unknown as [number, number, number, number];
  const [xx, xy, yy] = [p * p + r * r, p * q + r * s, q * q + s * s];
  const trace = xx * a! + 2 * xy * b! + yy * d!;
  const determinant = (xx * yy - xy * xy) * (a! * d! - b! * b!);
  const cross = Math.sqrt(trace + 2 * Math.sqrt(Math.max(determinant, 0)));
  return bias[0]! ** 2 + bias[1]! ** 2 + xx + yy + a! + d! - 2 * cross;
}

describe('settings', () => {
  const model = MODELS['separate critics']!;
  const wrong: readonly (readonly [Partial<TrainerOptions> & { objective: string }, string])[] = [
    [{ objective: 'gan' as 'wgan' }, 'trainer: objective is "gan"; known: entropic, wgan, wgan-gp'],
    [
      { objective: 'wgan', form: 'exp' },
      'form is exp, but objective wgan has no coupling to regularise; leave',
    ],
    [
      { objective: 'wgan-gp', generatorLoss: 'primal' },
      'generatorLoss is primal, but objective wgan-gp has no',
    ],
    [
      {
        objective: 'wgan-gp',
        lambda: [
          [0, 2],
          [9, 1],
        ],
      },
      'lambda is a schedule of 2 values, but objective wgan-gp does not train with it; give the one number',
    ],
    [
      { objective: 'wgan', critic: rmsprop({ rate: 1e-3 }) },
      "critic.weightBound is 0, but objective wgan needs the critic's weights bounded; give one, as in",
    ],
    [
      { objective: 'wgan', critic: rmsprop({ rate: 1e-3, weightBound: -1 }) },
      'trainer: critic.weightBound is -1; must be a finite number of 0 or more',
    ],
  ];
  it.each(wrong)('refused: %o', (change, message) => {
    const options = { model, lambda: 1, ...change } as TrainerOptions;
    expect(() => trainerSettings(options)).toThrow(UserError);
    expect(() => trainerSettings(options)).toThrow(message);
  });

  it('have the published optimisers and critic steps by default, and may be given again', () => {
    const wgan = trainerSettings({ model, lambda: 1, objective: 'wgan' });
    expect(wgan).toMatchObject({
      criticSteps: 5,
      generator: { kind: 'rmsprop', rate: 5e-5, weightBound: 0 },
      critic: { kind: 'rmsprop', rate: 5e-5, weightBound: 0.01 },
    });
    const penalised = trainerSettings({ model, lambda: 1, objective: 'wgan-gp' });
    expect(penalised).toMatchObject({
      criticSteps: 5,
      critic: { kind: 'adam', rate: 1e-4, beta1: 0, beta2: 0.9, weightBound: 0 },
    });
    for (const settings of [wgan, penalised]) expect(trainerSettings(settings)).toEqual(settings);
  });
});
