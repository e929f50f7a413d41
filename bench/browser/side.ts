/** What both sides of the browser benchmark do: load a model once, then score one image at a time. */

export interface SideOptions {
  /** K. */
  readonly latents: number;
  readonly seed: number;
}

/** L_K in nats, and the effective sample size of its weights. */
export interface Score {
  readonly logLikelihood: number;
  readonly ess: number;
}

/** Ours, and tfjs with its costs by differences or from a product. */
export const SIDES = ['ours', 'tfjs, differences', 'tfjs, products'] as const;
export type SideName = (typeof SIDES)[number];

/** Starts a side on the files at an address; the result scores the pixels of one image, values from 0 to 1. */
export type Side = (
  address: string,
  options: SideOptions,
) => Promise<(image: Float32Array) => Promise<Score>>;

/** The weights of an MLP generator as a page of another library would have them: a file of float32, and what is where in it. */
export interface PlainMlp {
  /** Widths: of the latents, of the hidden layers, of an image. ReLU between them, sigmoid at the end. */
  readonly widths: readonly number[];
  readonly lambda: number;
  readonly logC: number;
}
