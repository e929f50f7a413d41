/**
 * The training steps that are compared: entropic GANs on 28×28 images, one critic and one generator update.
 *   mlp      G: 64 → 256 → 256 → 784, ReLU, sigmoid      two critics of their own: 784 → 256 → 1, ReLU
 *   dcgan    the paper's networks, thinner by their width: batch norm in G, one trunk of convolutions under two heads
 *   both     all n·m pairs of the batch, cost half-squared, form exp, dual loss, Adam
 */
import { sampleAt } from '../src/data/batch-order.ts';
import type { Dataset } from '../src/data/dataset.ts';
import { glyphs } from '../src/data/glyphs.ts';
import { threefryNormals } from '../src/data/random.ts';
import type { TrainerOptions } from '../src/gan/settings.ts';
import { drawValues } from '../src/gan/steps.ts';
import { STREAMS } from '../src/gan/streams.ts';
import { type Architecture, dcgan, mlp } from '../src/nn/architectures.ts';
import type { Layer } from '../src/nn/layers.ts';
import { adam } from '../src/nn/optimisers.ts';

const IMAGE = [28, 28, 1] as const;
const D = 784;
/** Of weights, batches and latents, unless another is given. */
export const SEED = 11;
/** About half the mean cost at the start, so that neither p = 0 nor clipped pairs hide an error. */
export const LAMBDA = 50;
export const OPTIMISER = adam({ rate: 5e-4, beta1: 0.5, beta2: 0.99 });

/** Networks to train, by name. */
export interface Workload {
  readonly name: string;
  readonly model: Architecture;
}

/** @param hidden units of a hidden layer. */
export function mlpWorkload(hidden = 256): Workload {
  const { generator } = mlp({ sample: IMAGE, latent: 64, hidden: [hidden, hidden] });
  const critic: Layer[] = [
    { kind: 'dense', units: hidden, activation: 'relu' },
    { kind: 'dense', units: 1 },
  ];
  return {
    name: hidden === 256 ? 'mlp' : `mlp of width ${hidden}`,
    model: { sample: IMAGE, latent: 64, generator, critic: { real: critic, fake: critic } },
  };
}

/** @param width 64 for the paper's networks. */
export function dcganWorkload(width: number): Workload {
  return { name: `dcgan of width ${width}`, model: dcgan({ image: IMAGE, width }) };
}

/** What both sides train. */
export function trainerOptions(
  { model }: Workload,
  batch: number,
  seed = SEED,
): TrainerOptions & { readonly batch: number } {
  return {
    model,
    cost: 'half-squared',
    form: 'exp',
    generatorLoss: 'dual',
    lambda: LAMBDA,
    generator: OPTIMISER,
    critic: OPTIMISER,
    criticSteps: 1,
    averageDecay: 0,
    batch,
    seed,
  };
}

/** The images that both sides train on. */
export function workloadData(): Dataset {
  return glyphs({ limit: 1024 });
}

/** A batch as the trainer draws it, made on the host. */
export interface HostBatch {
  /** y, [batch, 784]. */
  readonly real: Float32Array<ArrayBuffer>;
  /** x, [batch, latent]. */
  readonly latents: Float32Array<ArrayBuffer>;
}

/** The `index`-th batch that the trainer draws since its start: the critic's first, then the generator's, and so on. */
export function hostBatch(
  { pixels, count }: Dataset,
  { batch, latent, seed }: { readonly batch: number; readonly latent: number; readonly seed: number },
  index: number,
): HostBatch {
  const { epoch, offset, draw } = drawValues(index, batch, count);
  const scale = pixels.kind === 'bytes' ? pixels.scale : 1;
  const real = new Float32Array(batch * D);
  for (let row = 0; row < batch; row++) {
    const position = offset + row;
    const key = [seed, STREAMS.batches] as const;
    const sample = sampleAt(position % count, epoch + Math.floor(position / count), count, key);
    for (let i = 0; i < D; i++)
      real[row * D + i] = Math.fround(scale) * (pixels.data[sample * D + i] as number);
  }
  return {
    real,
    latents: Float32Array.from(threefryNormals(batch * latent, [seed, STREAMS.latents], draw)),
  };
}
