/**
 * A model in memory: its whole configuration and the weights of its networks. What the trainer gives, a model file
 * holds, and the scorer takes.
 */
import type { Layer } from '../nn/layers.ts';
import type { OptimiserSettings } from '../nn/optimisers.ts';
import type { LikelihoodCost } from '../ops/log-likelihood.ts';
import type { Variants } from './variant-store.ts';
import type { Cost, Form, GeneratorLoss, LambdaSchedule, TrainerSettings } from './settings.ts';

/** How pixels relate to the bytes of 8-bit images: value = byte · scale; null where the data are plain numbers. */
export type PixelScale = number | null;

export interface ModelConfiguration {
  readonly settings: TrainerSettings;
  /** Value of one byte step of 8-bit images (1/255), or null. */
  readonly pixelScale: PixelScale;
  /** Generator iterations made, skipped ones included. */
  readonly steps: number;
  /** Name of the data trained on, e.g. `mnist?labels=1`. */
  readonly data: string;
  /** The adapter trained on, and the kernel variants that ran. */
  readonly adapter: string;
  readonly kernels: readonly string[];
  /** Which kernel each shape of the training steps ran, by the keys of shapes; a resumed run keeps to them. */
  readonly variants: Variants;
}

/** The flat parameters of a network, by tensor name. */
export type Weights = ReadonlyMap<
  string,
  { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }
>;

/** What an encoder was trained for and with; encoder-step.ts. */
export interface EncoderTraining {
  /** The noise of the bound that it maximised. */
  readonly cost: LikelihoodCost;
  readonly lambda: number;
  readonly steps: number;
  /** Observations in a batch, the share of them that were the model's own samples, and latents for each. */
  readonly batch: number;
  readonly simulated: number;
  readonly samples: number;
  readonly optimiser: OptimiserSettings;
  readonly seed: number;
  /** Name of the data trained on. */
  readonly data: string;
}

/** An amortised proposal q(x | y): a network from an observation to a Gaussian of its latents (encoder.ts). */
export interface Encoder {
  readonly layers: readonly Layer[];
  readonly weights: Weights;
  readonly training: EncoderTraining;
}

export interface Model {
  readonly configuration: ModelConfiguration;
  readonly generator: Weights;
  /** What the generator's batch norms are frozen with (freeze.ts); empty where it has none. */
  readonly statistics: Weights;
  readonly critic: Weights;
  readonly encoder?: Encoder;
}

export type { Cost, Form, GeneratorLoss, LambdaSchedule };
