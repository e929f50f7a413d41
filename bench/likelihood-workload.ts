/**
 * The likelihoods that are compared: N observations under K latents of a linear generator.
 *   G(x) = ½ + xW, x ~ N(0, I₁₆), W [16, d] ~ N(0, 0.2²/16)      y = G(x) + 0.1 z      D₂(G(x_k)) ~ N(0, (λ/2)²)
 * λ is about a seventh of the mean cost (half-squared; a fourteenth for l1, whose costs vary less): neither all latents
 * weigh the same nor does one hold all the weight, so that an error in any cost shows.
 */
import { threefryNormals } from '../src/data/random.ts';
import type { LikelihoodInputs } from '../src/likelihood/log-likelihood.ts';

const LATENT_DIMS = 16;
const KEY = [21, 8] as const;
const LAMBDA_PER_DIM = { 'half-squared': 0.0065, l1: 0.017 };

export const COMPARED_COSTS = ['half-squared', 'l1'] as const;
export type ComparedCost = (typeof COMPARED_COSTS)[number];

export interface LikelihoodSizes {
  /** N */
  readonly observations: number;
  /** K */
  readonly latents: number;
  /** d */
  readonly dims: number;
}

/** What `logLikelihood` is called with. Without k̂, which the other side does not compute. */
export type LikelihoodWorkload = Required<Omit<LikelihoodInputs, 'logQ' | 'signal' | 'criticFake'>> & {
  readonly criticFake: Float32Array<ArrayBuffer>;
  readonly cost: ComparedCost;
};

export function likelihoodWorkload(
  { observations: n, latents: k, dims: d }: LikelihoodSizes,
  cost: ComparedCost,
): LikelihoodWorkload {
  const lambda = LAMBDA_PER_DIM[cost] * d;
  const weights = normals(LATENT_DIMS * d, 0, 0.2 / Math.sqrt(LATENT_DIMS));
  const latents = normals(k * LATENT_DIMS, 1, 1);
  const observations = images(normals(n * LATENT_DIMS, 2, 1), weights, d);
  normals(n * d, 3, 0.1).forEach((z, i) => (observations[i] = (observations[i] as number) + z));
  return {
    observations: { data: observations, shape: [n, d] },
    generated: { data: images(latents, weights, d), shape: [k, d] },
    latents: { data: latents, shape: [k, LATENT_DIMS] },
    criticFake: normals(k, 4, lambda / 2),
    cost,
    lambda,
    paretoK: false,
  };
}

function normals(count: number, row: number, scale: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(threefryNormals(count, KEY, row), (z) => scale * z);
}

/** ½ + xW of every row of x. */
function images(x: Float32Array, weights: Float32Array, d: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array((x.length / LATENT_DIMS) * d).fill(0.5);
  for (let row = 0; row < x.length / LATENT_DIMS; row++) {
    for (let i = 0; i < LATENT_DIMS; i++) {
      const z = x[row * LATENT_DIMS + i] as number;
      for (let p = 0; p < d; p++)
        out[row * d + p] = (out[row * d + p] as number) + z * (weights[i * d + p] as number);
    }
  }
  return out;
}
