/**
 * From the log-weights of annealed chains to the estimates of each image, in float64 (docs/mathematics.md §4):
 *   L_C = log C + logsumexp_c log w_c − log C′,  C′ the chains;  v = softmax(log w)
 *   distance −(1/λ) Σ v l;  latent Σ v log f_X(x);  coupling entropy: what is left of L_C − log C, the entropy of the posterior
 * Chains are independent, so that groups of them are independent banks: estimates without each group give the standard error.
 */
import { UserError } from '../gpu/errors.ts';
import { bankBounds, standardErrors } from './banks.ts';
import { logNormaliser } from './log-normaliser.ts';
import type { Noise } from './noise.ts';
import { paretoK, tailLength } from './pareto.ts';

/** The chains of n images at their last temperature; those of an image are neighbours. */
export interface ChainEnds {
  /** log w, [n·chains]. */
  readonly logWeights: Float64Array;
  /** l(y, G(x)), [n·chains]. */
  readonly costs: ArrayLike<number>;
  /** ½‖x‖², [n·chains]. */
  readonly halfNorms: ArrayLike<number>;
}

/** Estimates per image, in nats. */
export interface AnnealingEstimates {
  /** log C of the explicit model, docs/mathematics.md §3. */
  readonly logC: number;
  /** log C + log-mean-exp of the chains' log-weights: exp of it is unbiased for f(y). */
  readonly importance: Float64Array;
  /** From the spread between groups of chains; NaN for fewer than 4 chains. */
  readonly standardError: Float64Array;
  /** The estimates without each group of chains, an array over images for each; for `meanInterval`. */
  readonly importanceWithoutBank: readonly Float64Array[];
  /** 1 / Σ v², between 1 and the number of chains. */
  readonly essImportance: Float64Array;
  /** The largest of the weights v. */
  readonly maxWeightImportance: Float64Array;
  /** k̂ of the largest weights; NaN for fewer than 21 chains, too few to fit. */
  readonly paretoK: Float64Array;
  /** With `logC` they add up to `importance`. */
  readonly components: {
    /** −(1/λ) Σ v l */
    readonly distance: Float64Array;
    /** Σ v log f_X(x), with its −(r/2) log 2π. */
    readonly latent: Float64Array;
    /** What is left: the entropy of the posterior, as far as chains and weights agree. */
    readonly couplingEntropy: Float64Array;
  };
}

/**
 * @param r latent dimension; @param d values in an image.
 * @throws UserError where an estimate is not finite.
 */
export function annealingEstimates(
  { logWeights, costs, halfNorms }: ChainEnds,
  { chains, d, r, cost, lambda }: Noise & { readonly chains: number; readonly d: number; readonly r: number },
): AnnealingEstimates {
  const n = logWeights.length / chains;
  const logC = logNormaliser(cost, d, lambda);
  const filled = (of: (weights: Float64Array, i: number) => number): Float64Array =>
    Float64Array.from({ length: n }, (_, i) => of(logWeights.subarray(i * chains, (i + 1) * chains), i));
  const estimate = filled((weights) => logMeanExp(weights));
  const bad = estimate.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new UserError(
      `anneal: the estimate of sample ${bad} is ${estimate[bad]}: costs over lambda = ${lambda} leave the range of float32; raise lambda, or take a model whose training stayed finite`,
    );
  /** Σ v of a value of each chain. */
  const mean = (value: (chain: number) => number): Float64Array =>
    filled((weights, i) => {
      const shares = softmax(weights);
      return shares.reduce((sum, share, c) => sum + share * value(i * chains + c), 0);
    });
  const distance = mean((chain) => -(costs[chain] as number) / lambda);
  const latent = mean((chain) => -(halfNorms[chain] as number) - 0.5 * r * Math.log(2 * Math.PI));
  const couplingEntropy = filled(
    (_, i) => (estimate[i] as number) - (distance[i] as number) - (latent[i] as number),
  );
  const bounds = bankBounds(chains);
  const importanceWithoutBank =
    bounds.length < 3
      ? []
      : bounds.slice(1).map((end, bank) => {
          const start = bounds[bank] as number;
          return filled(
            (weights) => logC + logMeanExp([...weights.subarray(0, start), ...weights.subarray(end)]),
          );
        });
  return {
    logC,
    importance: filled(
      (_, i) => logC + (distance[i] as number) + (latent[i] as number) + (couplingEntropy[i] as number),
    ),
    standardError: standardErrors(importanceWithoutBank, n),
    importanceWithoutBank,
    essImportance: filled((weights) => 1 / softmax(weights).reduce((sum, share) => sum + share * share, 0)),
    maxWeightImportance: filled((weights) => Math.max(...softmax(weights))),
    paretoK: filled((weights) =>
      paretoK(weights.toSorted().subarray(Math.max(0, chains - tailLength(chains) - 1)), chains),
    ),
    components: { distance, latent, couplingEntropy },
  };
}

/** log mean_k e^x_k. */
export function logMeanExp(values: ArrayLike<number>): number {
  const most = Math.max(...Array.from(values));
  let sum = 0;
  for (let k = 0; k < values.length; k++) sum += Math.exp((values[k] as number) - most);
  return most + Math.log(sum / values.length);
}

function softmax(values: Float64Array): Float64Array {
  const most = Math.max(...values);
  const exponentials = values.map((value) => Math.exp(value - most));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}
