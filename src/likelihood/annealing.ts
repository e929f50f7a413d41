/**
 * Log-likelihoods of images by annealed importance sampling: chains go from the prior to the posterior of each image's latents
 * by Hamiltonian Monte Carlo, and the mean of their weights is an unbiased estimate of f(y) (docs/mathematics.md §4).
 * Sources: Neal, "Annealed importance sampling", 2001; Wu, Burda, Salakhutdinov & Grosse, "On the quantitative analysis of
 * decoder-based generative models", ICLR 2017; Sohl-Dickstein & Culpepper, "Hamiltonian annealed importance sampling for partition
 * function estimation", 2012.
 */
import { type Dataset, rows as rowsOf, sampleSize } from '../data/dataset.ts';
import type { Model } from '../gan/model.ts';
import { ResidentModel } from '../gan/resident-model.ts';
import type { Device } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import type { LikelihoodCost } from '../ops/log-likelihood.ts';
import { AnnealedChains, type ChainHooks, type ChainSettings, type ForwardChains } from './anneal-chains.ts';
import { type AnnealingEstimates, annealingEstimates } from './anneal-estimates.ts';
import { bitsPerDimension } from './bits-per-dimension.ts';
import { type Images, imagesFor } from './images.ts';
import { noiseOf } from './noise.ts';
import { type Verdict, certificate, verdictOf } from './reliability.ts';

export interface AnnealingOptions {
  /** Chains of each image. Default 16. */
  readonly chains?: number;
  /** Temperatures above 0, T: more of them make the weights more even. Default 500. */
  readonly steps?: number;
  /** Leapfrog steps of the one transition at each temperature; momenta go on from one to the next. Default 1. */
  readonly leapfrogSteps?: number;
  /** Mean acceptance that the step sizes are tuned to, by pilot chains. Default 0.8. */
  readonly targetAcceptance?: number;
  /** Same seed, same chains. Default 0. */
  readonly seed?: number;
  /** The noise, l of f(y | x) = C·exp(−l(y, G(x))/λ); default the cost of the training. Another one needs its own λ. */
  readonly cost?: LikelihoodCost;
  /** λ of the noise, in units of the cost; default the last of the training schedule. */
  readonly lambda?: number;
  readonly signal?: AbortSignal;
  /** Called now and then with the share of the work that is done, 0..1. */
  readonly onProgress?: (done: number) => void;
}

/** Estimates per image, in nats on the model's pixel scale, with what they are stated for. */
export interface AnnealingScores extends AnnealingEstimates {
  /** −L / (d ln 2), plus the 8-bit correction where the images are 8-bit; per image. */
  readonly bitsPerDim: Float64Array;
  /** L − log(1/δ): a lower bound of log f(y) with probability 1 − δ, δ = 0.05. */
  readonly certificate: Float64Array;
  readonly verdict: readonly Verdict[];
  /** Mean probability of acceptance of each image's transitions, and of each temperature's, [T − 1], over all images. */
  readonly acceptance: Float64Array;
  readonly acceptanceOfStep: Float64Array;
  /** The step size of each temperature, [T − 1]: the geometric mean over images of what their pilot chains were left with. */
  readonly stepSizes: Float64Array;
  readonly chains: number;
  readonly steps: number;
  readonly leapfrogSteps: number;
  readonly lambda: number;
  readonly cost: LikelihoodCost;
  readonly dimensions: number;
}

/**
 * Estimates log f(y) of images by annealed importance sampling. Each estimate is a lower bound of log f(y) in expectation; with
 * more steps it rises towards it. The pilot chains (a quarter as many, 4 at least) take no part in it.
 * @param images a data set, or values [N, ...sample] on the model's pixel scale.
 * @throws UserError on options out of range, images that do not fit the model, and a model of the cosine cost for which no noise
 *   is stated.
 */
export async function anneal(
  device: Device,
  model: Model,
  images: Images,
  options: AnnealingOptions = {},
): Promise<AnnealingScores> {
  const settings = chainSettings('anneal', model, options);
  const set = imagesFor('anneal', model, images);
  const { signal, onProgress } = options;
  using resident = new ResidentModel(device, model);
  const ends = new ForwardEnds(set.count, model.configuration.settings.model.latent, settings);
  const passes = { forward: settings.chains, pilot: settings.pilotChains };
  await annealBlocks(
    device,
    resident,
    set,
    settings,
    passes,
    { signal, onProgress },
    async (chains, row, hooksOf) => {
      await chains.tune(hooksOf('pilot'));
      ends.add(row, chains.images, await chains.forward(hooksOf('forward')));
    },
  );
  return ends.scores(set);
}

/** The settings of the chains, checked. @param where what takes the options, for messages. */
export function chainSettings(where: string, model: Model, options: AnnealingOptions): ChainSettings {
  const { chains = 16, steps = 500, leapfrogSteps = 1, targetAcceptance = 0.8, seed = 0 } = options;
  for (const [name, value, least, most] of [
    ['chains', chains, 1, 4096],
    ['steps', steps, 2, 1_000_000],
    ['leapfrogSteps', leapfrogSteps, 1, 100],
    ['seed', seed, 0, 0xffffffff],
  ] as const) {
    if (!Number.isInteger(value) || value < least || value > most)
      throw new UserError(`${where}: ${name} is ${value}; must be a whole number from ${least} to ${most}`);
  }
  if (!(targetAcceptance > 0 && targetAcceptance < 1))
    throw new UserError(`${where}: targetAcceptance is ${targetAcceptance}; must be between 0 and 1`);
  return {
    ...noiseOf(model.configuration.settings, options),
    chains,
    pilotChains: Math.max(4, Math.ceil(chains / 4)),
    steps,
    leapfrogSteps,
    targetAcceptance,
    seed,
  };
}

/**
 * Takes a set's images in blocks, one after the other, through what `work` does with the chains.
 * @param passes the chains of an image that each pass runs: what progress is a share of.
 */
export async function annealBlocks<P extends string>(
  device: Device,
  resident: ResidentModel,
  set: Dataset,
  settings: ChainSettings,
  passes: Readonly<Record<P, number>>,
  {
    signal,
    onProgress,
  }: {
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: ((done: number) => void) | undefined;
  },
  work: (chains: AnnealedChains, row: number, hooksOf: (pass: P) => ChainHooks) => Promise<void>,
): Promise<void> {
  using chains = await AnnealedChains.create(device, resident, sampleSize(set.shape), set.count, settings);
  const blocks = Math.ceil(set.count / chains.images);
  const total = Object.values<number>(passes).reduce((sum, share) => sum + share, 0);
  for (let block = 0; block < blocks; block++) {
    const row = block * chains.images;
    chains.load(rowsOf(set, row, Math.min(chains.images, set.count - row)), block);
    let before = 0;
    await work(chains, row, (pass) => {
      const start = before;
      before += passes[pass];
      return {
        check: () => signal?.throwIfAborted(),
        onProgress: (done) => onProgress?.((block + (start + done * passes[pass]) / total) / blocks),
      };
    });
  }
}

/** What the forward chains of all images came to, block by block. */
export class ForwardEnds {
  readonly logWeights: Float64Array;
  readonly costs: Float64Array;
  readonly halfNorms: Float64Array;
  /** Sums over transitions, of each image. */
  readonly #acceptance: Float64Array;
  /** Sums over images, of each transition; of the logarithms for the step sizes. */
  readonly #acceptanceOfStep: Float64Array;
  readonly #logStepSizes: Float64Array;
  readonly #count: number;
  readonly #r: number;
  readonly #settings: ChainSettings;

  constructor(count: number, r: number, settings: ChainSettings) {
    const { chains, steps } = settings;
    this.logWeights = new Float64Array(count * chains);
    this.costs = new Float64Array(count * chains);
    this.halfNorms = new Float64Array(count * chains);
    this.#acceptance = new Float64Array(count);
    this.#acceptanceOfStep = new Float64Array(steps - 1);
    this.#logStepSizes = new Float64Array(steps - 1);
    this.#count = count;
    this.#r = r;
    this.#settings = settings;
  }

  /** Takes up a block of `images`, of which the set's first is `row`; those past the last of the set are nobody's. */
  add(row: number, images: number, block: ForwardChains): void {
    const count = Math.min(images, this.#count - row);
    const { chains, steps } = this.#settings;
    this.logWeights.set(block.logWeights.subarray(0, count * chains), row * chains);
    this.costs.set(block.costs.subarray(0, count * chains), row * chains);
    for (let chain = 0; chain < count * chains; chain++) {
      let squares = 0;
      for (let k = chain * this.#r; k < (chain + 1) * this.#r; k++)
        squares += (block.positions[k] as number) ** 2;
      this.halfNorms[row * chains + chain] = squares / 2;
    }
    for (let t = 0; t < steps - 1; t++) {
      for (let i = 0; i < count; i++) {
        const rate = block.acceptance[t * images + i] as number;
        this.#acceptance[row + i] = (this.#acceptance[row + i] as number) + rate;
        this.#acceptanceOfStep[t] = (this.#acceptanceOfStep[t] as number) + rate;
        this.#logStepSizes[t] =
          (this.#logStepSizes[t] as number) + Math.log(block.stepSizes[t * images + i] as number);
      }
    }
  }

  /** The estimates of the set. @throws UserError where one is not finite. */
  scores(set: Dataset): AnnealingScores {
    const { chains, steps, leapfrogSteps, cost, lambda } = this.#settings;
    const d = sampleSize(set.shape);
    const estimates = annealingEstimates(this, { chains, d, r: this.#r, cost, lambda });
    const { importance, essImportance, paretoK } = estimates;
    return {
      ...estimates,
      bitsPerDim: importance.map((logLikelihood) =>
        bitsPerDimension(logLikelihood, d, { levels: set.bits8 ? 255 : null }),
      ),
      certificate: importance.map(certificate),
      verdict: Array.from(essImportance, (ess, i) => verdictOf(ess, paretoK[i] as number)),
      acceptance: this.#acceptance.map((sum) => sum / (steps - 1)),
      acceptanceOfStep: this.#acceptanceOfStep.map((sum) => sum / set.count),
      stepSizes: this.#logStepSizes.map((sum) => Math.exp(sum / set.count)),
      chains,
      steps,
      leapfrogSteps,
      lambda,
      cost,
      dimensions: d,
    };
  }
}
