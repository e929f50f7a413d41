/** A model of this library whose law is known: a linear generator with given A and b, and critics that were never trained. */
import type { Model } from '../src/gan/model.ts';
import { trainerSettings } from '../src/gan/settings.ts';
import { unflatten } from '../src/gan/weights.ts';
import type { LinearGaussian } from '../src/likelihood/linear-gaussian.ts';
import { linear, networksOf } from '../src/nn/architectures.ts';
import { initialParameters } from '../src/nn/initialise.ts';

/** The model and its law once A and b are rounded to float32; the noise is half-squared with λ = σ². */
export function modelOfLaw(law: LinearGaussian, seed: number): { model: Model; law: LinearGaussian } {
  const { bias, latent, noise } = law;
  const d = bias.length;
  const architecture = linear({ sample: [d], latent });
  const { critic } = networksOf(architecture);
  const generator = Float32Array.from(law.generator);
  const offset = Float32Array.from(bias);
  const weight = new Float32Array(latent * d); // [r, d]
  for (let p = 0; p < d; p++)
    for (let k = 0; k < latent; k++) weight[k * d + p] = generator[p * latent + k] as number;
  const lambda = Math.fround(noise);
  return {
    model: {
      configuration: {
        settings: trainerSettings({ model: architecture, cost: 'half-squared', lambda, seed }),
        pixelScale: null,
        steps: 0,
        data: 'none',
        adapter: 'none',
        kernels: [],
        variants: {},
      },
      generator: new Map([
        ['layers.0.weight', { shape: [latent, d], data: weight }],
        ['layers.0.bias', { shape: [d], data: offset }],
      ]),
      statistics: new Map(),
      critic: unflatten(critic.layout, initialParameters(critic.layout, seed, 1)),
    },
    law: {
      generator: Float64Array.from(generator),
      bias: Float64Array.from(offset),
      latent,
      noise: lambda,
    },
  };
}
