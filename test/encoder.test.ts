/**
 * The encoder: its training step against the same in float64, which is held against central differences; a linear one learns the
 * exact posteriors of a linear generator; what it gives is applied, repeated and refused as promised.
 */
import { CholeskyDecomposition, Matrix, inverse } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { type Dataset, dataset, rows } from '../src/data/dataset.ts';
import { threefryNormals, threefryUniforms } from '../src/data/random.ts';
import { type HiddenLayers, encoderLayers, encoderNetwork } from '../src/gan/encoder.ts';
import { encoderBuffers, encoderStep } from '../src/gan/encoder-step.ts';
import type { EncoderTraining, Model, Weights } from '../src/gan/model.ts';
import { uploadDataset } from '../src/gan/resident-data.ts';
import { ResidentModel } from '../src/gan/resident-model.ts';
import { trainerSettings } from '../src/gan/settings.ts';
import { drawValues } from '../src/gan/steps.ts';
import { flatten, unflatten } from '../src/gan/weights.ts';
import type { Device, OwnedBuffer } from '../src/gpu/device.ts';
import { Plan } from '../src/gpu/plan.ts';
import { targetOf } from '../src/gpu/target.ts';
import { sizeOf } from '../src/graph/graph.ts';
import { type EncoderReport, trainEncoder } from '../src/likelihood/encoder-training.ts';
import { encodeProposals } from '../src/likelihood/encoder.ts';
import { logDensities } from '../src/likelihood/linear-gaussian.ts';
import { logLikelihood } from '../src/likelihood/log-likelihood.ts';
import { initialParameters } from '../src/nn/initialise.ts';
import type { ParameterLayout } from '../src/nn/layers.ts';
import { type Architecture, architecture, linear, mlp, networksOf } from '../src/nn/architectures.ts';
import { adam } from '../src/nn/optimisers.ts';
import { proposalWidth } from '../src/ops/gaussian-proposal.ts';
import { LIKELIHOOD_COSTS } from '../src/ops/log-likelihood.ts';
import { gaussianProposal } from './reference/gaussian-proposal.ts';
import { differences, worstError } from './support/compare-gradients.ts';
import { describeGpu } from './support/device.ts';
import {
  type EncoderStepInputs,
  encoderDrawOf,
  encoderGradients,
  encoderLoss,
  heldAt,
} from './support/encoder-twin.ts';
import { type Tensors, forward } from './support/stack-twin.ts';
import { tensorsOf } from './support/training-twin.ts';

const exactly = (x: number): number => x;

/** Weights of order 1/√inputs, biases included; of the frozen statistics, variances about 1. */
function weightsOf(layout: ParameterLayout, seed: number): Tensors {
  let inputs = 1; // of the layer at hand: a bias follows its weight
  return new Map(
    layout.parameters.map(({ name, shape }, index) => {
      if (shape.length > 1) inputs = sizeOf(shape) / shape.at(-1)!;
      const normals = threefryNormals(sizeOf(shape), [seed, index]);
      return [
        name,
        normals.map((z) =>
          Math.fround(name.endsWith('variance') ? Math.exp(0.3 * z) : z / Math.sqrt(inputs)),
        ),
      ];
    }),
  );
}

function shaped(layout: ParameterLayout, tensors: Tensors): Weights {
  return new Map(
    layout.parameters.map(({ name, shape }) => [
      name,
      { shape, data: Float32Array.from(tensors.get(name)!) },
    ]),
  );
}

function modelOf(model: Architecture, generator: Tensors, lambda: number, statistics?: Tensors): Model {
  const { generator: layouts, critic } = networksOf(model);
  return {
    configuration: {
      settings: trainerSettings({ model, lambda }),
      pixelScale: null,
      steps: 0,
      data: 'none',
      adapter: '',
      kernels: [],
      variants: {},
    },
    generator: shaped(layouts.layout, generator),
    statistics: statistics ? shaped(layouts.statistics, statistics) : new Map(),
    critic: unflatten(critic.layout, initialParameters(critic.layout, 1, 1)),
  };
}

const TRAINING: EncoderTraining = {
  cost: 'half-squared',
  lambda: 0.5,
  steps: 1,
  batch: 7,
  simulated: 0.3, // 2 of 7
  samples: 3,
  optimiser: adam({ rate: 1e-3 }),
  seed: 5,
  data: '',
};

interface Networks {
  readonly model: Architecture;
  readonly hidden: HiddenLayers;
}

const IMAGE = [4, 3, 1];
const NETWORKS: Readonly<Record<string, Networks>> = {
  'linear throughout': { model: linear({ sample: [5], latent: 2 }), hidden: [] },
  perceptrons: {
    model: mlp({ sample: [5], latent: 3, hidden: [6] }),
    hidden: [8, { kind: 'dense', units: 7, activation: 'tanh' }],
  },
  convolutions: {
    model: architecture({
      sample: IMAGE,
      latent: 3,
      generator: [
        { kind: 'dense', units: 8, activation: 'tanh' },
        { kind: 'reshape', shape: [2, 2, 2] },
        { kind: 'conv2d-transpose', filters: 1, kernel: 3, stride: 2, activation: 'sigmoid' },
        { kind: 'crop', height: 4, width: 3 },
      ],
      critic: { trunk: [] },
    }),
    hidden: [{ kind: 'conv2d', filters: 2, kernel: 3, stride: 2, activation: 'tanh' }, 6],
  },
};

/** 11 samples: a batch may run past their end. */
function dataFor({ sample }: Architecture): Dataset {
  const shape = [11, ...sample];
  return dataset({ data: threefryUniforms(sizeOf(shape), [9, 9]), shape });
}

function stepInputs({ model, hidden }: Networks, training: EncoderTraining, draw: number): EncoderStepInputs {
  const layers = encoderLayers(model, hidden);
  const generator = weightsOf(networksOf(model).generator.layout, 21);
  const { layout } = encoderNetwork(model, layers);
  const encoder = weightsOf(layout, 22);
  const drawn = encoderDrawOf(model, training, generator, dataFor(model), draw);
  return { architecture: model, layers, training, generator, encoder, ...drawn };
}

/** The gradient that one step leaves on the device, its update switched off. */
async function gradientOnDevice(
  device: Device,
  model: Model,
  { layers, training, encoder }: Pick<EncoderStepInputs, 'layers' | 'training' | 'encoder'>,
  data: Dataset,
  draw: number,
): Promise<Tensors> {
  const network = encoderNetwork(model.configuration.settings.model, layers);
  using resident = new ResidentModel(device, model);
  const uploaded = uploadDataset(device, data);
  const owned: OwnedBuffer[] = [uploaded.buffer];
  try {
    const externals: Record<string, GPUBuffer> = { ...resident.externals, data: uploaded.buffer.buffer };
    for (const [name, bytes] of Object.entries(encoderBuffers(network, training))) {
      const buffer = device.storage(name, bytes);
      owned.push(buffer);
      externals[name] = buffer.buffer;
    }
    const weights = flatten(network.layout, shaped(network.layout, encoder));
    device.upload(externals['encoder.parameters']!, 0, weights);
    const recording = encoderStep(resident, network, training, uploaded, targetOf(device));
    using plan = await Plan.create(device, { step: recording }, externals);
    const fresh = training.batch - Math.round(training.simulated * training.batch);
    const values = { ...drawValues(draw, fresh, data.count), restart: 1, averageDecay: 0, enabled: 0 };
    plan.run([{ phase: 'step', values }]);
    const bytes = network.layout.bytes;
    expect(await device.readFloats(externals['encoder.parameters']!, 0, bytes / 4)).toEqual(weights);
    return tensorsOf(
      unflatten(network.layout, await device.readFloats(externals['encoder.gradients']!, 0, bytes / 4)),
    );
  } finally {
    for (const buffer of owned) buffer.dispose();
  }
}

describe('the float64 twin of a step', () => {
  it.each(Object.entries(NETWORKS))('agrees with central differences: %s', (_, networks) => {
    for (const cost of LIKELIHOOD_COSTS) {
      const inputs = stepInputs(networks, { ...TRAINING, cost }, 0);
      const held = heldAt(inputs);
      expect(Math.max(...held.squares)).toBeGreaterThan(0.2);
      const expected = differences(inputs.encoder, (encoder) => encoderLoss({ ...inputs, encoder }, held));
      expect(worstError(expected, encoderGradients(inputs)), cost).toBeLessThan(1e-6);
    }
  });
});

describeGpu('the gradient of a whole step', (device) => {
  /** As of a training step: sums over the batch cancel. */
  const ALLOWED = 2e-4;

  it.each(Object.entries(NETWORKS))('%s', async (_, networks) => {
    for (const cost of LIKELIHOOD_COSTS)
      for (const [simulated, draw] of [
        [0.3, 2], // the batch runs past the end of an epoch
        [0, 1],
        [1, 3],
      ] as const) {
        const training = { ...TRAINING, cost, simulated };
        const inputs = stepInputs(networks, training, draw);
        const model = modelOf(networks.model, inputs.generator, 1);
        const found = await gradientOnDevice(device, model, inputs, dataFor(networks.model), draw);
        const error = worstError(found, encoderGradients(inputs));
        expect(error, `${cost}, ${simulated} simulated`).toBeLessThan(ALLOWED);
      }
  });

  it('a generator with batch norms is the frozen one', async () => {
    const last = { kind: 'dense', units: 5, activation: 'sigmoid' } as const;
    const critic = { trunk: [] };
    const normed = architecture({
      sample: [5],
      latent: 2,
      generator: [{ kind: 'dense', units: 6, bias: false }, { kind: 'batch-norm', activation: 'tanh' }, last],
      critic,
    });
    const plain = architecture({
      sample: [5],
      latent: 2,
      generator: [{ kind: 'dense', units: 6, activation: 'tanh' }, last],
      critic,
    });
    const { layout, statistics } = networksOf(normed).generator;
    const generator = weightsOf(layout, 23);
    const frozen = weightsOf(statistics, 24);
    // γ (xW − μ)/√(σ² + ε) + β as a dense layer.
    const part = (name: string): Float64Array => generator.get(`layers.${name}`)!;
    const scale = part('1.gamma').map((g, c) => g / Math.sqrt(frozen.get('layers.1.variance')![c]! + 1e-5));
    const folded: Tensors = new Map([
      ['layers.0.weight', part('0.weight').map((w, at) => w * scale[at % 6]!)],
      ['layers.0.bias', part('1.beta').map((b, c) => b - frozen.get('layers.1.mean')![c]! * scale[c]!)],
      ['layers.1.weight', part('2.weight')],
      ['layers.1.bias', part('2.bias')],
    ]);
    const layers = encoderLayers(plain, [6]);
    const encoder = weightsOf(encoderNetwork(plain, layers).layout, 25);
    const drawn = encoderDrawOf(plain, TRAINING, folded, dataFor(plain), 0);
    const inputs = { architecture: plain, layers, training: TRAINING, generator: folded, encoder, ...drawn };
    const model = modelOf(normed, generator, 1, frozen);
    const found = await gradientOnDevice(device, model, inputs, dataFor(plain), 0);
    expect(worstError(found, encoderGradients(inputs))).toBeLessThan(ALLOWED);
  });
});

/** y = A x + b + noise of variance λ. */
const D = 6;
const R = 3;
const LAMBDA = 0.5;
const A = threefryNormals(D * R, [31, 0]);
const B = threefryNormals(D, [31, 1]);
const LINEAR = linear({ sample: [D], latent: R, hidden: [4] });
const LINEAR_MODEL = modelOf(
  LINEAR,
  new Map([
    [
      'layers.0.weight',
      Float64Array.from({ length: R * D }, (_, at) => A[(at % D) * R + Math.floor(at / D)]!),
    ],
    ['layers.0.bias', B],
  ]),
  LAMBDA,
);

function drawn(count: number, seed: number): Dataset {
  const x = threefryNormals(count * R, [seed, 0]);
  const noise = threefryNormals(count * D, [seed, 1]);
  const data = Float32Array.from({ length: count * D }, (_, at) => {
    const [i, p] = [Math.floor(at / D), at % D];
    let y = B[p]! + Math.sqrt(LAMBDA) * noise[at]!;
    for (let k = 0; k < R; k++) y += A[p * R + k]! * x[i * R + k]!;
    return y;
  });
  return dataset({ data, shape: [count, D] });
}

/** L_K − log f of each image, and how far its importance weights are from even. */
async function gaps(
  device: Device,
  model: Model,
  images: Dataset,
  k: number,
): Promise<{ gap: Float64Array; ess: number }> {
  const n = images.count;
  const proposals = await encodeProposals(device, model, images);
  const observations = { data: rows(images, 0, n), shape: [n, D] };
  const noise = threefryNormals(n * k * R, [77, k]);
  const { latents, logQ } = gaussianProposal({ n, group: k, r: R }, proposals, noise, exactly);
  const generator = tensorsOf(LINEAR_MODEL.generator);
  const generated = forward(networksOf(LINEAR).generator.stack, generator, latents).output;
  const { importance, essImportance } = await logLikelihood(device, {
    observations,
    generated: { data: Float32Array.from(generated), shape: [n, k, D] },
    latents: { data: Float32Array.from(latents), shape: [n, k, R] },
    logQ: Float32Array.from(logQ),
    cost: 'half-squared',
    lambda: LAMBDA,
    paretoK: false,
  });
  const exact = logDensities({ generator: A, bias: B, latent: R, noise: LAMBDA }, observations.data);
  return {
    gap: importance.map((value, i) => value - exact[i]!),
    ess: essImportance.reduce((a, b) => a + b, 0) / n,
  };
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((a, b) => a + b, 0) / values.length;

/** Whether a mean that is at most 0 in expectation is above it by more than chance and rounding allow. */
function expectNotAbove(gap: Float64Array): void {
  const centre = mean(gap);
  const error = Math.sqrt(mean(gap.map((x) => (x - centre) ** 2)) / gap.length);
  expect(centre).toBeLessThan(4.5 * error + 1e-4);
}

describeGpu('a linear encoder of a linear generator', (device) => {
  it('becomes the exact posterior, whose bound is the likelihood', async () => {
    const reports: EncoderReport[] = [];
    const model = await trainEncoder(device, LINEAR_MODEL, drawn(300, 41), {
      hidden: [],
      steps: 400,
      samples: 4,
      batch: 32,
      simulated: 0.5,
      optimiser: adam({ rate: 0.08 }),
      seed: 1,
      reportEvery: 100,
      onReport: (report) => reports.push(report),
    });
    expect(reports.map(({ step }) => step)).toEqual([100, 200, 300, 400]);
    expect(reports[3]!.bound).toBeGreaterThan(reports[0]!.bound + 0.1);
    expect(reports[3]!.ess).toBeGreaterThan(3.9);

    const images = drawn(500, 42); // not those of the training
    const one = await gaps(device, model, images, 1);
    console.log(`mean of the bound less the likelihood at K = 1: ${mean(one.gap).toExponential(1)} nats`);
    expect(mean(one.gap)).toBeGreaterThan(-0.05);
    expectNotAbove(one.gap);
    const many = await gaps(device, model, images, 8);
    expect(mean(many.gap)).toBeGreaterThan(-0.01);
    expectNotAbove(many.gap);
    expect(many.ess).toBeGreaterThan(7.5);

    // M = (I + AᵀA/σ²)⁻¹ = TTᵀ, μ = M Aᵀ(y − b)/σ².
    const a = new Matrix(Array.from({ length: D }, (_, p) => A.subarray(p * R, p * R + R)));
    const inner = Matrix.eye(R).add(a.transpose().mmul(a).div(LAMBDA));
    const asymmetric = inverse(inner); // by rounding
    const covariance = Matrix.add(asymmetric, asymmetric.transpose()).div(2);
    const factor = new CholeskyDecomposition(covariance).lowerTriangularMatrix;
    const width = proposalWidth(R);
    const proposals = await encodeProposals(device, model, images);
    for (let i = 0; i < 20; i++) {
      const y = rows(images, i, 1);
      const residual = Matrix.columnVector(Array.from(y, (value, p) => value - B[p]!));
      const centre = covariance.mmul(a.transpose()).mmul(residual).div(LAMBDA);
      const found = proposals.subarray(i * width, (i + 1) * width);
      for (let j = 0; j < R; j++) {
        expect(Math.abs(found[j]! - centre.get(j, 0)), `μ of ${i}`).toBeLessThan(0.05 * factor.get(j, j));
        for (let k = 0; k <= j; k++) {
          const value = found[R + (j * (j + 1)) / 2 + k]!;
          const t = k === j ? Math.exp(value) : value;
          expect(Math.abs(t - factor.get(j, k)), `T of ${i}`).toBeLessThan(0.05 * factor.get(j, j));
        }
      }
    }
  });

  it('is near the prior at first, a lower bound already', async () => {
    const model = await trainEncoder(device, LINEAR_MODEL, drawn(50, 41), {
      steps: 1,
      optimiser: adam({ rate: 1e-9 }),
    });
    const proposals = await encodeProposals(device, model, drawn(50, 42));
    const width = proposalWidth(R);
    for (const value of proposals) expect(Math.abs(value)).toBeLessThan(0.1);
    expect(proposals.length).toBe(50 * width);
    const { gap } = await gaps(device, model, drawn(500, 42), 4);
    expect(mean(gap)).toBeLessThan(-0.5);
  });
});

describeGpu('an encoder', (device) => {
  const options = { hidden: [5], steps: 12, batch: 8, samples: 2, reportEvery: 5 } as const;
  const data = drawn(40, 51);

  it('is the same for the same seed, bit for bit, and another for another', async () => {
    const weights = async (seed: number): Promise<Weights> =>
      (await trainEncoder(device, LINEAR_MODEL, data, { ...options, seed })).encoder.weights;
    const first = await weights(7);
    expect(await weights(7)).toEqual(first);
    expect(await weights(8)).not.toEqual(first);
    expect([...first.keys()]).toEqual([
      'layers.0.weight',
      'layers.0.bias',
      'layers.1.weight',
      'layers.1.bias',
    ]);
  });

  it('says what it was trained for and with', async () => {
    const noise = { cost: 'l1', lambda: 2 } as const;
    const steps: number[] = [];
    const model = await trainEncoder(
      device,
      LINEAR_MODEL,
      { ...data, name: 'forty' },
      {
        ...options,
        ...noise,
        simulated: 0,
        onReport: ({ step, bound, simulatedBound, ess }) => {
          steps.push(step);
          expect(Number.isFinite(bound)).toBe(true);
          expect(simulatedBound).toBeNaN();
          expect(ess).toBeGreaterThan(1);
          expect(ess).toBeLessThanOrEqual(2);
        },
      },
    );
    expect(steps).toEqual([5, 10, 12]);
    expect(model.encoder.training).toEqual({
      ...noise,
      steps: 12,
      batch: 8,
      samples: 2,
      simulated: 0,
      optimiser: adam({ rate: 1e-3 }),
      seed: 0,
      data: 'forty',
    });
    expect({ ...model, encoder: undefined }).toEqual({ ...LINEAR_MODEL, encoder: undefined });
  });

  it('gives the proposals that its network gives, however many images', async () => {
    const model = await trainEncoder(device, LINEAR_MODEL, data, options);
    const images = drawn(300, 52);
    const proposals = await encodeProposals(device, model, images);
    const { stack } = encoderNetwork(LINEAR, model.encoder.layers);
    const pixels = Float64Array.from(rows(images, 0, 300));
    const { output } = forward(stack, tensorsOf(model.encoder.weights), pixels);
    expect(proposals.length).toBe(output.length);
    output.forEach((value, at) => expect(Math.abs(proposals[at]! - value)).toBeLessThan(1e-5));
    using resident = new ResidentModel(device, model);
    const last = { data: rows(images, 299, 1), shape: [1, D] };
    const width = proposalWidth(R);
    expect(await encodeProposals(device, resident, last)).toEqual(proposals.subarray(299 * width));
  });

  it('ends where its signal says so, and leaves nothing on the device', async () => {
    const before = device.liveBuffers;
    const controller = new AbortController();
    const training = trainEncoder(device, LINEAR_MODEL, data, {
      ...options,
      steps: 1e6,
      signal: controller.signal,
      onReport: () => controller.abort(new Error('enough')),
    });
    await expect(training).rejects.toThrow('enough');
    expect(device.liveBuffers).toBe(before);
  });

  it('is refused where it cannot be', async () => {
    const refused = async (
      message: RegExp,
      change: Parameters<typeof trainEncoder>[3],
      images = data,
    ): Promise<void> =>
      await expect(trainEncoder(device, LINEAR_MODEL, images, { ...options, ...change })).rejects.toThrow(
        message,
      );
    await refused(/^encoder: samples is 0; must be a whole number of 1 or more/, { samples: 0 });
    await refused(/^encoder: simulated is 1.5; must be a share from 0 to 1/, { simulated: 1.5 });
    await refused(/encoder.optimiser.rate is -1; must be a finite number above 0/, {
      optimiser: adam({ rate: -1 }),
    });
    await refused(/^encoder: has a batch norm; .* take it out$/, { hidden: [{ kind: 'batch-norm' }] });
    await refused(/conv2d takes images/, { hidden: [{ kind: 'conv2d', filters: 2, kernel: 3 }] });
    await refused(/cost is l1, but lambda is missing/, { cost: 'l1' });
    await refused(
      /images of data have shape \[5\] \(5 values\), the model was made for \[6\]/,
      {},
      dataFor(linear({ sample: [5], latent: 1 })),
    );
    await refused(/the bound or a gradient is no longer finite by step 5; lower the optimiser's rate/, {
      optimiser: adam({ rate: 1e30 }),
    });
    await expect(encodeProposals(device, LINEAR_MODEL, data)).rejects.toThrow(
      /^encoder: the model has none; train one/,
    );
  });
});
