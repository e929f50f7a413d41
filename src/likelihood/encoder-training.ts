/**
 * Trains an encoder for a finished model: an amortised proposal q(x | y) that maximises the mean over images of the
 * importance-weighted bound log C + log mean_k exp s_k (docs/mathematics.md §4), G held. Everything random derives from
 * (seed, step), so that the same seed gives the same encoder, bit for bit.
 */
import type { Dataset } from '../data/dataset.ts';
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import { Plan } from '../gpu/plan.ts';
import { targetOf } from '../gpu/target.ts';
import { sizeOf } from '../graph/graph.ts';
import { NETWORKS } from '../gan/checkpoint.ts';
import { type HiddenLayers, encoderLayers, encoderNetwork } from '../gan/encoder.ts';
import { encoderBuffers, encoderStep, simulatedOf } from '../gan/encoder-step.ts';
import type { Encoder, EncoderTraining, Model } from '../gan/model.ts';
import { uploadDataset } from '../gan/resident-data.ts';
import { ResidentModel } from '../gan/resident-model.ts';
import { averageDecayAt, checkOptimiser } from '../gan/settings.ts';
import { drawValues } from '../gan/steps.ts';
import { unflatten } from '../gan/weights.ts';
import { initialParameters } from '../nn/initialise.ts';
import { type OptimiserSettings, adam } from '../nn/optimisers.ts';
import { IMPORTANCE_SCALARS, decodeImportanceScalars } from '../ops/importance-bound.ts';
import { imagesFor } from './images.ts';
import { logNormaliser } from './log-normaliser.ts';
import { type Noise, noiseOf } from './noise.ts';

/** What is known of an encoder's training at a step: means over the batches since the report before. */
export interface EncoderReport {
  /** Steps made so far. */
  readonly step: number;
  /** The bound of the data's images, from `samples` latents each, in nats, with log C; NaN where all images are simulated. */
  readonly bound: number;
  /** The same of images simulated from the model; NaN where there are none. */
  readonly simulatedBound: number;
  /** Effective number of the latents of an image, from 1 to `samples`. */
  readonly ess: number;
}

export interface EncoderOptions extends Partial<Noise> {
  /** Hidden layers, widths of dense ones with ReLU or layers of one's own. Default [256, 256]. */
  readonly hidden?: HiddenLayers;
  /** Default 2000. */
  readonly steps?: number;
  /** Images in a batch. Default 64. */
  readonly batch?: number;
  /** Latents for each image of a batch. Default 8. */
  readonly samples?: number;
  /** Share of each batch that is simulated from the model, G(x) + noise with x ~ N(0, I), 0 to 1. Default 0.25. */
  readonly simulated?: number;
  /** Default Adam with rate 1e-3. */
  readonly optimiser?: OptimiserSettings;
  /** Same seed, same encoder. Default 0. */
  readonly seed?: number;
  /** A report every so many steps, and at the last. Default 50. */
  readonly reportEvery?: number;
  readonly onReport?: (report: EncoderReport) => void;
  /** Ends the training between steps: the promise is rejected with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A submit should take about this long: short enough for reports and Ctrl-C, long enough to hide its own cost. */
const SUBMIT_MS = 250;
const MOST_STEPS_PER_SUBMIT = 64;
/** Decay of the moving average of the weights, which is the encoder. */
const AVERAGE_DECAY = 0.995;
/** Stream of the initial weights, behind those of generator and critics. */
export const ENCODER_STREAM = NETWORKS.length;

/**
 * Trains an encoder on a data set and images simulated from the model.
 * @param options.cost, options.lambda the noise; default that of the model's training.
 * @returns the model with its encoder, which `encodeProposals` applies and a model file holds; an encoder of before is replaced.
 * @throws UserError where an option is out of range, the data do not fit the model, or the bound is no longer finite.
 */
export async function trainEncoder(
  device: Device,
  model: Model,
  dataset: Dataset,
  options: EncoderOptions = {},
): Promise<Model & { readonly encoder: Encoder }> {
  const { settings } = model.configuration;
  const { hidden = [256, 256], reportEvery = 50, onReport, signal } = options;
  const training: EncoderTraining = {
    ...noiseOf(settings, options),
    steps: options.steps ?? 2000,
    batch: options.batch ?? 64,
    simulated: options.simulated ?? 0.25,
    samples: options.samples ?? 8,
    optimiser: checkOptimiser('encoder.optimiser', options.optimiser ?? adam({ rate: 1e-3 })),
    seed: options.seed ?? 0,
    data: dataset.name,
  };
  const { cost, lambda, steps, batch, samples, seed } = training;
  for (const [name, value, least] of [
    ['steps', steps, 1],
    ['batch', batch, 1],
    ['samples', samples, 1],
    ['seed', seed, 0],
    ['reportEvery', reportEvery, 1],
  ] as const) {
    if (!Number.isInteger(value) || value < least || value > 0xffffffff)
      throw new UserError(
        `encoder: ${name} is ${value}; must be a whole number of ${least} or more, 4294967295 at most`,
      );
  }
  if (!(training.simulated >= 0 && training.simulated <= 1))
    throw new UserError(`encoder: simulated is ${training.simulated}; must be a share from 0 to 1`);
  imagesFor('encoder', model, dataset);
  const layers = encoderLayers(settings.model, hidden);
  const network = encoderNetwork(settings.model, layers);
  const simulated = simulatedOf(training);
  const logC = logNormaliser(cost, sizeOf(settings.model.sample), lambda);

  const owned: OwnedBuffer[] = [];
  try {
    const externals: Record<string, GPUBuffer> = {};
    const own = (name: string, buffer: OwnedBuffer): void => {
      owned.push(buffer);
      externals[name] = buffer.buffer;
    };
    const read = (name: string, floats: number): Promise<Float32Array<ArrayBuffer>> =>
      device.readFloats(externals[name] as GPUBuffer, 0, floats);
    const data = uploadDataset(device, dataset);
    own('data', data.buffer);
    for (const [name, bytes] of Object.entries(encoderBuffers(network, training)))
      own(name, device.storage(name, bytes));
    const initial = initialParameters(network.layout, seed, ENCODER_STREAM);
    for (const name of ['encoder.parameters', 'encoder.average'])
      device.upload(externals[name] as GPUBuffer, 0, initial);
    using resident = new ResidentModel(device, model);
    const recording = encoderStep(resident, network, training, data, targetOf(device));
    using plan = await Plan.create(
      device,
      { step: recording },
      { ...externals, ...resident.externals },
      { phasesPerRun: MOST_STEPS_PER_SUBMIT },
    );
    const values = (step: number): Record<string, number> => ({
      ...drawValues(step, batch - simulated, data.count),
      restart: Number(step % reportEvery === 0),
      averageDecay: averageDecayAt(AVERAGE_DECAY, step),
      enabled: 1,
    });
    let step = 0;
    let wanted = 1; // steps per submit
    while (step < steps) {
      signal?.throwIfAborted();
      const next = Math.min(steps, (Math.floor(step / reportEvery) + 1) * reportEvery);
      const count = Math.min(wanted, next - step);
      const began = performance.now();
      plan.run(Array.from({ length: count }, (_, i) => ({ phase: 'step', values: values(step + i) })));
      await device.idle();
      const stepMs = (performance.now() - began) / count;
      wanted = Math.max(1, Math.min(MOST_STEPS_PER_SUBMIT, Math.round(SUBMIT_MS / stepMs)));
      step += count;
      if (step < next) continue;
      const found = decodeImportanceScalars(await read('scalars', IMPORTANCE_SCALARS), {
        n: batch,
        simulated,
      });
      if (!found.finite)
        throw new UserError(
          `encoder: the bound or a gradient is no longer finite by step ${step}; lower the optimiser's rate, or clip its gradients with clipNorm`,
        );
      const { bound, simulatedBound, ess } = found;
      onReport?.({ step, bound: logC + bound, simulatedBound: logC + simulatedBound, ess });
    }
    const weights = unflatten(network.layout, await read('encoder.average', network.layout.bytes / 4));
    return { ...model, encoder: { layers, weights, training } };
  } finally {
    for (const buffer of owned) buffer.dispose();
  }
}
