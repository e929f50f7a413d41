/**
 * Yardsticks: what a test sample's log-likelihood is under the same noise model f(y|·) = C exp(−l(y, ·)/λ) without any
 * training. A model that is not above all three has learnt less than they know.
 *   constant   one image: the mean of the training data, its median value by value for l1
 *   linear     the optimal linear generator for the training data's mean and covariance (docs/mathematics.md §5)
 *   parzen     the mean of f(y|y_t) over all training samples y_t
 */
import { type Dataset, rows, sampleSize } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import type { LikelihoodCost } from '../ops/log-likelihood.ts';
import { logDensities, optimalLinearGenerator } from './linear-gaussian.ts';
import { logLikelihood } from './log-likelihood.ts';
import { logNormaliser } from './log-normaliser.ts';
import { medianOf, momentsOf } from './moments.ts';

export interface BaselineOptions {
  readonly cost: LikelihoodCost;
  /** λ > 0, in units of the cost. */
  readonly lambda: number;
  /** Stops between chunks of work. */
  readonly signal?: AbortSignal;
}

/** Log-likelihoods of each test sample, in nats. */
export interface Baselines {
  readonly constant: Float64Array;
  /** Null for l1, for which there is no closed form. */
  readonly linear: Float64Array | null;
  readonly parzen: Float64Array;
}

/**
 * The three yardsticks of every test sample.
 * @throws UserError where the samples' sizes differ, λ ≤ 0, or the cost has no normaliser.
 */
export async function baselines(
  device: Device,
  training: Dataset,
  test: Dataset,
  { cost, lambda, signal }: BaselineOptions,
): Promise<Baselines> {
  const d = sampleSize(test.shape);
  if (sampleSize(training.shape) !== d)
    throw new UserError(
      `baselines: samples of ${training.name} have shape [${training.shape.join(', ')}], of ${test.name} [${test.shape.join(', ')}]; both must have as many values`,
    );
  logNormaliser(cost, d, lambda); // checks both before the work starts
  const observations = rows(test, 0, test.count);
  const { importance: parzen } = await logLikelihood(device, {
    observations: { data: observations, shape: [test.count, d] },
    generated: { data: rows(training, 0, training.count), shape: [training.count, d] },
    cost,
    lambda,
    paretoK: false,
    ...(signal ? { signal } : {}),
  });
  signal?.throwIfAborted();
  if (cost === 'l1')
    return { constant: constantImage(observations, medianOf(training), cost, lambda), linear: null, parzen };
  const moments = momentsOf(training);
  const noise = cost === 'squared' ? lambda / 2 : lambda;
  return {
    constant: constantImage(observations, moments.mean, cost, lambda),
    linear: logDensities(optimalLinearGenerator(moments, noise), observations),
    parzen,
  };
}

/** log C − l(y, image)/λ of every observation y, [n, d]. */
function constantImage(
  observations: Float32Array,
  image: Float64Array,
  cost: LikelihoodCost,
  lambda: number,
): Float64Array {
  const d = image.length;
  const logC = logNormaliser(cost, d, lambda);
  return Float64Array.from({ length: observations.length / d }, (_, i) => {
    let total = 0;
    for (let p = 0; p < d; p++) {
      const e = (observations[i * d + p] as number) - (image[p] as number);
      total += cost === 'l1' ? Math.abs(e) : e * e;
    }
    return logC - (cost === 'half-squared' ? total / 2 : total) / lambda;
  });
}
