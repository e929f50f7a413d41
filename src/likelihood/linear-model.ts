/** The law of a trained model whose generator is linear: G(x) = Ax + b, so that f = N(b, AAᵀ + σ²I) (./linear-gaussian.ts). */
import { UserError } from '../gpu/errors.ts';
import type { Model } from '../gan/model.ts';
import { finalLambda } from '../gan/settings.ts';
import type { LinearGaussian } from './linear-gaussian.ts';

/**
 * A, b and σ² of a model, in float64: σ² = λ for the half-squared cost, λ/2 for the squared one.
 * @throws UserError where the generator is not one dense layer without activation, and where the noise is not Gaussian.
 */
export function lawOf({ configuration: { settings }, generator }: Model): LinearGaussian {
  const { cost, lambda, model } = settings;
  const [layer, ...more] = model.generator;
  if (layer?.kind !== 'dense' || more.length > 0 || (layer.activation ?? 'linear') !== 'linear')
    throw new UserError(
      `law: the generator is ${model.generator.map(({ kind }) => kind).join(', ')}; only that of one dense layer without activation is known`,
    );
  if (cost !== 'half-squared' && cost !== 'squared')
    throw new UserError(
      `law: the cost is ${cost}, whose noise is not Gaussian; only those of half-squared and squared are known`,
    );
  const { latent } = model;
  const weight = generator.get('layers.0.weight')?.data as Float32Array; // [r, d]
  const d = weight.length / latent;
  const a = new Float64Array(d * latent);
  for (let k = 0; k < latent; k++)
    for (let p = 0; p < d; p++) a[p * latent + k] = weight[k * d + p] as number;
  const strength = finalLambda(lambda);
  return {
    generator: a,
    bias: Float64Array.from(generator.get('layers.0.bias')?.data ?? new Float32Array(d)),
    latent,
    noise: cost === 'squared' ? strength / 2 : strength,
  };
}
