/** The estimators by adapted proposals that data sets can be scored with, an entry each. */
import type { Dataset } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import type { Model } from '../gan/model.ts';
import type { Noise } from '../likelihood/noise.ts';
import { anneal } from '../likelihood/annealing.ts';
import { Scorer } from '../likelihood/scorer.ts';
import type { ProposalKind } from '../likelihood/scores.ts';
import type { AdaptedEstimator, WeightedScores } from '../report/estimators.ts';

/** What a sample may take; undefined for as much as suits the estimator. */
export interface Efforts {
  /** Latents from its proposal, of those that have one. */
  readonly proposalLatents?: number | undefined;
  /** Annealed chains, and the temperatures that they pass. */
  readonly chains?: number | undefined;
  readonly temperatures?: number | undefined;
}

export interface AdaptedOptions extends Partial<Noise> {
  readonly seed?: number;
  readonly efforts: Efforts;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number) => void;
}

export interface AdaptedRun {
  readonly scores: WeightedScores;
  /** What each sample took, as in { latents: 256 }. */
  readonly effort: Readonly<Record<string, number>>;
}

type Run = (device: Device, model: Model, set: Dataset, options: AdaptedOptions) => Promise<AdaptedRun>;

/** Latents from a Gaussian proposal of each sample's own. */
function byProposal(proposal: Exclude<ProposalKind, 'prior'>): Run {
  return async (device, model, set, { efforts, signal, onProgress, ...options }) => {
    const { proposalLatents: latents } = efforts;
    using scorer = await Scorer.create(device, model, {
      ...options,
      proposal,
      ...(latents === undefined ? {} : { latents }),
    });
    const scores = await scorer.score(set, { signal, onProgress });
    return { scores, effort: { latents: scores.latents } };
  };
}

/** Annealed chains. */
const byChains: Run = async (device, model, set, { efforts, ...options }) => {
  const { chains, temperatures } = efforts;
  const scores = await anneal(device, model, set, {
    ...options,
    ...(chains === undefined ? {} : { chains }),
    ...(temperatures === undefined ? {} : { steps: temperatures }),
  });
  return {
    scores,
    effort: { chains: scores.chains, temperatures: scores.steps, leapfrogSteps: scores.leapfrogSteps },
  };
};

/** In the order in which they run: the encoder first, which a model may lack. */
const RUNS = {
  encoder: byProposal('encoder'),
  laplace: byProposal('laplace'),
  ais: byChains,
} as const satisfies Partial<Record<AdaptedEstimator, Run>>;

export type RunnableEstimator = keyof typeof RUNS;
export const RUNNABLE_ESTIMATORS = Object.keys(RUNS) as readonly RunnableEstimator[];

/** Scores a data set by an adapted estimator. @throws UserError as `Scorer` does. */
export function scoreAdapted(
  estimator: RunnableEstimator,
  ...[device, model, set, options]: Parameters<Run>
): Promise<AdaptedRun> {
  return RUNS[estimator](device, model, set, options);
}
