/** Models to score with, without training: fresh or given weights. */
import type { Model } from '../../src/gan/model.ts';
import { type Cost, trainerSettings } from '../../src/gan/settings.ts';
import { unflatten } from '../../src/gan/weights.ts';
import type { LinearGaussian } from '../../src/likelihood/linear-gaussian.ts';
import { type Architecture, linear, networksOf } from '../../src/nn/architectures.ts';
import { initialParameters } from '../../src/nn/initialise.ts';
import { randomOf } from './random.ts';

interface Choice {
  readonly cost?: Cost;
  readonly lambda?: number;
  readonly seed?: number;
  /** The generator's fresh weights are multiplied by this. */
  readonly scale?: number;
}

export function untrained(
  architecture: Architecture,
  { cost = 'half-squared', lambda = 0.1, seed = 5, scale = 1 }: Choice = {},
): Model {
  const { generator, critic } = networksOf(architecture);
  return {
    configuration: {
      settings: trainerSettings({ model: architecture, cost, lambda }),
      pixelScale: null,
      steps: 0,
      data: 'none',
      adapter: 'none',
      kernels: [],
      variants: {},
    },
    generator: unflatten(
      generator.layout,
      initialParameters(generator.layout, seed, 0).map((x) => x * scale),
    ),
    statistics: unflatten(generator.statistics, initialParameters(generator.statistics, seed, 2)),
    critic: unflatten(critic.layout, initialParameters(critic.layout, seed, 1)),
  };
}

/** A linear generator Ax + b of random weights, A [d, r] about `spread` in size, with the exact law of its model. */
export function randomLinear(
  {
    d,
    r,
    lambda,
    cost = 'half-squared',
    spread = 1,
  }: { d: number; r: number; lambda: number; cost?: Cost; spread?: number },
  seed = 1,
): { readonly model: Model; readonly law: LinearGaussian } {
  const { normal } = randomOf(seed);
  const model = untrained(linear({ sample: [d], latent: r }), { cost, lambda });
  const weight = model.generator.get('layers.0.weight')!.data; // [r, d]
  const bias = model.generator.get('layers.0.bias')!.data;
  weight.forEach((_, i) => (weight[i] = spread * normal()));
  bias.forEach((_, i) => (bias[i] = normal()));
  const generator = new Float64Array(d * r);
  for (let p = 0; p < d; p++) for (let k = 0; k < r; k++) generator[p * r + k] = weight[k * d + p]!;
  const noise = cost === 'squared' ? lambda / 2 : lambda;
  return { model, law: { generator, bias: Float64Array.from(bias), latent: r, noise } };
}

/** `n` observations of a linear model with Gaussian noise, [n, d]. */
export function drawn(
  { generator, bias, latent, noise }: LinearGaussian,
  n: number,
  seed = 2,
): Float32Array<ArrayBuffer> {
  const { normal } = randomOf(seed);
  const d = bias.length;
  const observations = new Float32Array(n * d);
  for (let i = 0; i < n; i++) {
    const x = Array.from({ length: latent }, normal);
    for (let p = 0; p < d; p++) {
      let value = bias[p]! + Math.sqrt(noise) * normal();
      for (let k = 0; k < latent; k++) value += generator[p * latent + k]! * x[k]!;
      observations[i * d + p] = value;
    }
  }
  return observations;
}
