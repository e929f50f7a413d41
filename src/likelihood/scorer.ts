/** Scores images under a trained model: draws latents, runs the likelihood reduction on the GPU, and makes its states into estimates. */
import type { Dataset } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import { sizeOf } from '../graph/graph.ts';
import { type GeneratorWeights, generate, generateFrom } from '../gan/generate.ts';
import type { Model } from '../gan/model.ts';
import { ResidentModel } from '../gan/resident-model.ts';
import type { LikelihoodCost } from '../ops/log-likelihood.ts';
import { bankBounds } from './banks.ts';
import { encodeProposals } from './encoder.ts';
import { type Images, imagesFor } from './images.ts';
import { laplaceProposals } from './laplace.ts';
import { noiseOf } from './noise.ts';
import { PriorStates } from './prior-states.ts';
import { type LikelihoodStates, proposalStates } from './proposal-states.ts';
import { PROPOSALS, type ProposalKind, type Scores, scoresOf } from './scores.ts';

export type { Scores };

export interface ScorerOptions {
  /** Latents per image, K. Default 2000 from the prior, 256 and 64 from a Laplace and an encoder's proposal. */
  readonly latents?: number;
  /**
   * What the latents are drawn from. `prior`, the default: N(0, I), one bank for all images. `laplace`: a Gaussian about the most
   * likely latent of each image (laplace.ts), for models whose posterior is much narrower than the prior. `encoder`: the Gaussian
   * that the model's encoder gives (encoder.ts), the fast way.
   */
  readonly proposal?: ProposalKind;
  /** Same seed, same latents. Default 0. */
  readonly seed?: number;
  /** The noise, l of f(y | x) = C·exp(−l(y, G(x))/λ); default the cost of the training. Another one needs its own λ. */
  readonly cost?: LikelihoodCost;
  /** λ of the noise, in units of the cost; default the last of the training schedule. */
  readonly lambda?: number;
}

export interface ScoreOptions {
  readonly signal?: AbortSignal;
  /** Called now and then with the share of the work that is done, 0..1. */
  readonly onProgress?: (done: number) => void;
}

/** Latents per image where none are asked for: fewer where they are nearer. */
const LATENTS: Readonly<Record<ProposalKind, number>> = { prior: 2000, laplace: 256, encoder: 64 };

export class Scorer implements Disposable {
  readonly model: Model;
  readonly latents: number;
  readonly proposal: ProposalKind;
  readonly cost: LikelihoodCost;
  readonly lambda: number;
  readonly #device: Device;
  readonly #seed: number;
  readonly #resident: ResidentModel;
  /** What the last score from the prior was made with; kept for the next one of as many images. */
  #prior: PriorStates | undefined;
  /** Scores under way or waiting, and the end of the last of them: one at a time. */
  #scoring = 0;
  #turn: Promise<void> = Promise.resolve();
  #disposed = false;

  private constructor(device: Device, model: Model, options: Required<ScorerOptions>) {
    this.model = model;
    this.latents = options.latents;
    this.proposal = options.proposal;
    this.cost = options.cost;
    this.lambda = options.lambda;
    this.#device = device;
    this.#seed = options.seed;
    this.#resident = new ResidentModel(device, model);
  }

  /**
   * Uploads a model for scoring.
   * @throws UserError on K or λ out of range, and on a model of the cosine cost for which no noise is stated.
   */
  static async create(device: Device, model: Model, options: ScorerOptions = {}): Promise<Scorer> {
    const { proposal = 'prior', latents = LATENTS[proposal], seed = 0 } = options;
    if (!PROPOSALS.includes(proposal))
      throw new UserError(`scorer: proposal is ${JSON.stringify(proposal)}; known: ${PROPOSALS.join(', ')}`);
    if (!Number.isInteger(latents) || latents < 1 || latents > MOST_LATENTS)
      throw new UserError(`scorer: latents is ${latents}; must be a whole number from 1 to ${MOST_LATENTS}`);
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
      throw new UserError(`scorer: seed is ${seed}; must be a whole number from 0 to 4294967295`);
    if (proposal === 'encoder' && !model.encoder)
      throw new UserError(
        'scorer: proposal is encoder, but the model has none; train one with trainEncoder (entropic-gan encode MODEL --data SPEC), or take proposal laplace',
      );
    const noise = noiseOf(model.configuration.settings, options);
    device.check();
    return new Scorer(device, model, { latents, proposal, seed, ...noise });
  }

  /**
   * Likelihood estimates of images from K latents each. Calls take turns. From the prior, a bank of latents of up to 64 MiB is made
   * once and kept: scoring as many images again is then quick.
   * @param images a data set, or values [N, ...sample] on the model's pixel scale.
   * @throws UserError where the images do not fit the model or hold values that are not finite.
   */
  async score(images: Images, options: ScoreOptions = {}): Promise<Scores> {
    this.#check();
    const set = imagesFor('scorer', this.model, images);
    const { sample, latent } = this.model.configuration.settings.model;
    const d = sizeOf(sample);
    const bounds = bankBounds(this.latents);
    const check = (): void => {
      this.#check();
      options.signal?.throwIfAborted();
    };
    const work = { check, ...(options.onProgress && { onProgress: options.onProgress }) };
    const states = await this.#inTurn(() =>
      this.proposal === 'prior' ? this.#fromPrior(set, bounds, work) : this.#fromOwn(set, bounds, work),
    );
    const { proposal, cost, lambda } = this;
    return scoresOf(states, set, { proposal, bounds, d, r: latent, cost, lambda });
  }

  /** `count` samples of the generator, [count, d]. The same seed gives the same latents. */
  async sample(count: number, options: { readonly seed?: number } = {}): Promise<Float32Array<ArrayBuffer>> {
    this.#check();
    const { model } = this.model.configuration.settings;
    return generate(this.#device, model, this.#generator, count, options.seed ?? 0, () => this.#check());
  }

  /**
   * G of given latents, without the noise: [n, r] → [n, d].
   * @param latents values [n, r], row-major; those of the prior are N(0, 1).
   * @throws UserError where the length is no multiple of r, or a value is not finite.
   */
  async generate(latents: Float32Array): Promise<Float32Array<ArrayBuffer>> {
    this.#check();
    const { model } = this.model.configuration.settings;
    return generateFrom(this.#device, model, this.#generator, latents, () => this.#check());
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#scoring === 0) this.#free(); // else the last score under way does
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The generator's buffers. */
  get #generator(): GeneratorWeights {
    const { generator: parameters, statistics } = this.#resident.externals;
    return { parameters, statistics };
  }

  #check(): void {
    if (this.#disposed) throw new UserError('scorer: used after dispose(); create a new one');
  }

  #free(): void {
    this.#prior?.dispose();
    this.#resident.dispose();
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#scoring++;
    const mine = this.#turn.then(work);
    this.#turn = mine.then(
      () => {},
      () => {},
    );
    try {
      return await mine;
    } finally {
      this.#scoring--;
      if (this.#disposed && this.#scoring === 0) this.#free();
    }
  }

  /** The reduction's states from one bank of latents for all images. */
  async #fromPrior(set: Dataset, bounds: readonly number[], work: Work): Promise<LikelihoodStates> {
    work.check();
    if (this.#prior?.count !== set.count) {
      this.#prior?.dispose();
      this.#prior = undefined;
      const { cost, lambda } = this;
      const options = { bounds, seed: this.#seed, cost, lambda, ...work };
      this.#prior = await PriorStates.create(this.#device, this.#resident, set.count, options);
    }
    return await this.#prior.accumulate(set, work);
  }

  /** The same from a proposal of each image's own. */
  async #fromOwn(
    set: Dataset,
    bounds: readonly number[],
    { check, onProgress }: Work,
  ): Promise<LikelihoodStates> {
    check();
    const common = { cost: this.cost, lambda: this.lambda, seed: this.#seed, check };
    /** The share of the work that finding the proposals is, roughly. */
    const looking = this.proposal === 'laplace' ? 0.8 : 0;
    const proposals =
      this.proposal === 'laplace'
        ? await laplaceProposals(this.#device, this.#resident, set, {
            ...common,
            onProgress: (done) => onProgress?.(looking * done),
          })
        : await encodeProposals(this.#device, this.#resident, set, { check });
    return await proposalStates(this.#device, this.#resident, set, {
      ...common,
      proposals,
      bounds,
      onProgress: (done) => onProgress?.(looking + (1 - looking) * done),
    });
  }
}

/** How a piece of work is stopped, and followed. */
interface Work {
  readonly check: () => void;
  readonly onProgress?: (done: number) => void;
}

/** Counts of latents are exact in float32 up to here. */
const MOST_LATENTS = 2 ** 24;
