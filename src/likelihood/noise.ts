/** The noise that makes a density of a generator: cost and λ of f(y | x) = C·exp(−l(y, G(x))/λ) (docs/mathematics.md §3). */
import { UserError } from '../gpu/errors.ts';
import { type TrainerSettings, finalLambda } from '../gan/settings.ts';
import { LIKELIHOOD_COSTS, type LikelihoodCost } from '../ops/log-likelihood.ts';
import { isPositiveFloat } from './log-normaliser.ts';

export interface Noise {
  readonly cost: LikelihoodCost;
  /** In units of the cost. */
  readonly lambda: number;
}

/**
 * The noise of a model: that of its training, the last λ of the schedule, unless another is stated. Any generator can be
 * scored with any noise; the likelihoods are then those of that density.
 * @throws UserError on a λ out of range, another cost without its λ, and a cost under which there is no likelihood.
 */
export function noiseOf(settings: TrainerSettings, stated: Partial<Noise> = {}): Noise {
  const { cost = settings.cost } = stated;
  if (cost === 'cosine')
    throw new UserError(
      "scorer: the model was trained with cost cosine, under which nothing is a likelihood: exp(−l/λ) has no finite integral over R^d, so no constant makes a density of it; state a noise to score its generator with, as in cost: 'half-squared', lambda: 1 (score --cost half-squared --lambda 1)",
    );
  if (!LIKELIHOOD_COSTS.includes(cost))
    throw new UserError(`scorer: cost is ${JSON.stringify(cost)}; known: ${LIKELIHOOD_COSTS.join(', ')}`);
  if (cost !== settings.cost && stated.lambda === undefined)
    throw new UserError(
      `scorer: cost is ${cost}, but lambda is missing: that of the training, ${finalLambda(settings.lambda)}, is in units of cost ${settings.cost}; give the lambda of the noise too`,
    );
  const { lambda = finalLambda(settings.lambda) } = stated;
  if (!isPositiveFloat(lambda))
    throw new UserError(
      `scorer: lambda is ${lambda}; must be a finite number above 0 (in 32-bit floating point)`,
    );
  return { cost, lambda };
}
