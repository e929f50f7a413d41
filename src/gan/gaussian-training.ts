/**
 * Training where everything is known: a linear generator Ax + b with quadratic critics on data N(0, Σ) as `gaussianData` makes
 * them, by the entropic dual with the half-squared cost. The best A has AAᵀ = U(Λ − λ)₊Uᵀ; nothing here is told of it.
 */
import type { Dataset } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { sizeOf } from '../graph/graph.ts';
import { linear } from '../nn/architectures.ts';
import { adam } from '../nn/optimisers.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Model } from './model.ts';
import type { TrainerOptions } from './settings.ts';
import { Trainer } from './trainer.ts';

export interface GaussianTraining {
  readonly lambda: number;
  readonly seed: number;
  /** Generator iterations in all. Default `gaussianSteps`. */
  readonly steps?: number;
  readonly signal?: AbortSignal;
  /** Called now and then with the iterations made. */
  readonly onProgress?: (steps: number) => void;
}

/** Generator iterations that bring AAᵀ within 5 % for d ≤ 10, and the likelihood within 0.5 nats for more (docs/gaussian.md). */
export const gaussianSteps = (d: number): number => (d <= 10 ? 700 : 400);

/**
 * Adam's rates. The entries of A shrink as 1/√d, since the lengths of its rows do not depend on d; the noise that a step leaves
 * in yᵀQy, d² entries of the rate's size, grows as d.
 */
const ratesFor = (d: number) => ({ generator: 0.06 / Math.sqrt(d), critic: 0.05 / d });

interface Stage {
  /** Iterations. */
  readonly length: number;
  /** What the rates are multiplied by. */
  readonly rate: number;
  readonly batch: number;
}

/**
 * From large steps on few pairs to small ones on many; the last stage takes what is left of the iterations. Where the coupling
 * holds 5 nats, E p² is e¹⁰ over all pairs: what n² pairs know of a moment has an error of about e⁵/n, and with few pairs a bias.
 */
const stagesOf = (steps: number): readonly Stage[] => [
  { length: Math.min(100, Math.ceil(steps / 5)), rate: 3, batch: 192 },
  { length: Math.min(100, Math.ceil(steps / 5)), rate: 1, batch: 192 },
  { length: steps, rate: 0.5, batch: 320 },
];

/** The options of one stage. */
function optionsFor(d: number, { lambda, seed }: GaussianTraining, { rate, batch }: Stage): TrainerOptions {
  const rates = ratesFor(d);
  const optimiser = (of: number) => adam({ rate: of * rate, beta1: 0.5, beta2: 0.99 });
  return {
    model: linear({ sample: [d], latent: d, critic: 'quadratic' }),
    cost: 'half-squared',
    lambda,
    generator: optimiser(rates.generator),
    critic: optimiser(rates.critic),
    criticSteps: 2,
    batch,
    seed,
  };
}

/**
 * Trains a model with as many latent dimensions as the data have. Its settings are those of the last stage.
 * @throws UserError where λ or the seed are out of range; the signal's reason where it aborts.
 */
export async function trainOnGaussian(
  device: Device,
  data: Dataset,
  training: GaussianTraining,
): Promise<Model> {
  const d = sizeOf(data.shape);
  const { steps = gaussianSteps(d), signal, onProgress } = training;
  let checkpoint: Checkpoint | undefined;
  for (const stage of stagesOf(steps)) {
    const made = checkpoint?.model.configuration.steps ?? 0;
    const goal = Math.min(steps, made + stage.length);
    if (goal === made) break;
    using trainer = await Trainer.create(
      device,
      optionsFor(d, training, stage),
      checkpoint && { resume: checkpoint },
    );
    const run = { steps: goal, reportEvery: 10, ...(signal ? { signal } : {}) };
    for await (const { step } of trainer.run(data, run)) onProgress?.(step);
    signal?.throwIfAborted();
    checkpoint = await trainer.checkpoint();
  }
  return (checkpoint as Checkpoint).model;
}
