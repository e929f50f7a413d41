/** The scores of a data set: every estimate of every image, from the reduction's states, with how far to trust it. */
import type { Dataset } from '../data/dataset.ts';
import type { LikelihoodCost } from '../ops/log-likelihood.ts';
import { importanceWithoutBank, mergeStates, standardErrors, surrogateWithoutBank } from './banks.ts';
import { bitsPerDimension } from './bits-per-dimension.ts';
import { type LikelihoodEstimates, finishLikelihood, nearestCosts } from './finish.ts';
import type { LikelihoodStates } from './proposal-states.ts';
import { type Verdict, certificate, verdictOf } from './reliability.ts';

/** What latents may be drawn from: the prior N(0, I), or a Gaussian of each image's own. */
export const PROPOSALS = ['prior', 'laplace', 'encoder'] as const;
export type ProposalKind = (typeof PROPOSALS)[number];

/** Likelihood estimates per image, in nats on the model's pixel scale, with what they are stated for. */
export interface Scores extends LikelihoodEstimates {
  /**
   * Cost l(y, G(x_k)) of the nearest of the K generated samples, in units of the cost; per image. Null where the latents were
   * not drawn from the prior: the nearest sample is then one that was looked for.
   */
  readonly nearestCost: Float64Array | null;
  /** −L_K / (d ln 2), plus the 8-bit correction where the images are 8-bit; per image. */
  readonly bitsPerDim: Float64Array;
  /** k̂ of the largest importance weights; NaN where there is nothing to fit. */
  readonly paretoK: Float64Array;
  /** Standard error of L_K, from the spread between banks of latents (./banks.ts); NaN for fewer than 4 latents. */
  readonly standardError: Float64Array;
  /** L_K − log(1/δ): a lower bound of log f(y) with probability 1 − δ, δ = 0.05. */
  readonly certificate: Float64Array;
  readonly verdict: readonly Verdict[];
  /** L of all banks of latents but one, an array over images for each bank; for `meanInterval`. */
  readonly importanceWithoutBank: readonly Float64Array[];
  /** S of all banks but one, in the same way. */
  readonly surrogateWithoutBank: readonly Float64Array[];
  readonly proposal: ProposalKind;
  readonly latents: number;
  readonly lambda: number;
  readonly cost: LikelihoodCost;
  readonly dimensions: number;
}

/** What the states were accumulated for. */
export interface ScoresOptions {
  readonly proposal: ProposalKind;
  /** Where each bank of latents starts, and at last K. */
  readonly bounds: readonly number[];
  readonly d: number;
  /** Latent dimension. */
  readonly r: number;
  readonly cost: LikelihoodCost;
  readonly lambda: number;
}

/** @throws UserError where an estimate is not finite. */
export function scoresOf(
  { banks, tails }: LikelihoodStates,
  set: Dataset,
  { proposal, bounds, d, r, cost, lambda }: ScoresOptions,
): Scores {
  const latents = bounds.at(-1) as number;
  const state = mergeStates(banks, lambda);
  const model = { d, cost, lambda, r, given: proposal !== 'prior' };
  const estimates = finishLikelihood(state, { ...model, count: latents, tail: tails });
  const { importance, essImportance } = estimates;
  const paretoK = estimates.paretoK as Float64Array; // the tails were kept
  const withoutBank = importanceWithoutBank(banks, bounds, estimates.logC);
  return {
    ...estimates,
    nearestCost: proposal === 'prior' ? nearestCosts(state, lambda) : null,
    bitsPerDim: importance.map((logLikelihood) =>
      bitsPerDimension(logLikelihood, d, { levels: set.bits8 ? 255 : null }),
    ),
    paretoK,
    standardError: standardErrors(withoutBank, set.count),
    certificate: importance.map(certificate),
    verdict: Array.from(essImportance, (ess, i) => verdictOf(ess, paretoK[i] as number)),
    importanceWithoutBank: withoutBank,
    surrogateWithoutBank: surrogateWithoutBank(banks, bounds, model),
    proposal,
    latents,
    lambda,
    cost,
    dimensions: d,
  };
}
