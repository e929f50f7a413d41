/**
 * The training step that is compared: an MLP entropic GAN on 28×28 images, one critic and one generator update.
 *   G: 64 → 256 → 256 → 784, ReLU, sigmoid      two critics of their own: 784 → 256 → 1, ReLU
 *   all n·m pairs of the batch, cost half-squared, form exp, dual loss, Adam
 */
import { sampleAt } from '../src/data/batch-order.ts';
import type { Dataset } from '../src/data/dataset.ts';
import { glyphs } from '../src/data/glyphs.ts';
import { threefryNormals } from '../src/data/random.ts';
import type { TrainerOptions } from '../src/gan/settings.ts';
import { drawValues } from '../src/gan/steps.ts';
import { STREAMS } from '../src/gan/streams.ts';
import { mlp } from '../src/nn/architectures.ts';
import type { Layer } from '../src/nn/layers.ts';
import { adam } from '../src/nn/optimisers.ts';

const D = 784;
const LATENT = 64;
const HIDDEN = 256;
const SEED = 11;
/** About half the mean cost at the start, so that neither p = 0 nor clipped pairs hide an error. */
export const LAMBDA = 50;
export const OPTIMISER = adam({ rate: 5e-4, beta1: 0.5, beta2: 0.99 });

/** What both sides train. */
export function workload(batch: number): TrainerOptions & { readonly batch: number } {
  const { generator } = mlp({ sample: [28, 28, 1], latent: LATENT, hidden: [HIDDEN, HIDDEN] });
  const critic: Layer[] = [
    { kind: 'dense', units: HIDDEN, activation: 'relu' },
    { kind: 'dense', units: 1 },
  ];
  return {
    model: { sample: [28, 28, 1], latent: LATENT, generator, critic: { real: critic, fake: critic } },
    cost: 'half-squared',
    form: 'exp',
    generatorLoss: 'dual',
    lambda: LAMBDA,
    generator: OPTIMISER,
    critic: OPTIMISER,
    criticSteps: 1,
    averageDecay: 0,
    batch,
    seed: SEED,
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
  /** x, [batch, 64]. */
  readonly latents: Float32Array<ArrayBuffer>;
}

/** The `index`-th batch that the trainer draws since its start: the critic's first, then the generator's, and so on. */
export function hostBatch({ pixels, count }: Dataset, batch: number, index: number): HostBatch {
  const { epoch, offset, draw } = drawValues(index, batch, count);
  const scale = pixels.kind === 'bytes' ? pixels.scale : 1;
  const real = new Float32Array(batch * D);
  for (let row = 0; row < batch; row++) {
    const position = offset + row;
    const key = [SEED, STREAMS.batches] as const;
    const sample = sampleAt(position % count, epoch + Math.floor(position / count), count, key);
    for (let i = 0; i < D; i++)
      real[row * D + i] = Math.fround(scale) * (pixels.data[sample * D + i] as number);
  }
  return {
    real,
    latents: Float32Array.from(threefryNormals(batch * LATENT, [SEED, STREAMS.latents], draw)),
  };
}

/**
 * Floating-point operations of one critic and one generator update that any implementation has to make: the matrix
 * products of the layers and their gradients, and the pairs' costs. What is elementwise is left out.
 */
export function stepFlops(batch: number): number {
  const generator = LATENT * HIDDEN + HIDDEN * HIDDEN + HIDDEN * D;
  const critic = D * HIDDEN + HIDDEN;
  const pairs = 2 * batch * batch * D;
  // Critic step: forward through G and both critics; backward to every weight, and to the hidden layers.
  const criticStep = 2 * batch * (generator + 2 * critic + 2 * critic + 2 * HIDDEN) + pairs;
  // Generator step: forward; back through D₂ to its input, through the costs, and through G to weights and hidden layers.
  const back = generator + (HIDDEN * HIDDEN + HIDDEN * D);
  const generatorStep = 2 * batch * (generator + 2 * critic + critic + back) + 2 * pairs;
  return criticStep + generatorStep;
}
