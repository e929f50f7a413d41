/**
 * Scores images under a trained model. Latents are drawn, the generator and its critic applied, and the likelihood
 * reduction run, all on the GPU, chunk by chunk: neither the bank of latents nor the N×K costs are ever stored.
 */
import { type Dataset, rows as rowsOf } from '../data/dataset.ts';
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import { Plan } from '../gpu/plan.ts';
import type { Recording } from '../gpu/recording.ts';
import { targetOf } from '../gpu/target.ts';
import { Graph, type Tensor, sizeOf } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import { type GeneratorWeights, generate, generateFrom } from '../gan/generate.ts';
import type { Model } from '../gan/model.ts';
import { ResidentModel } from '../gan/resident-model.ts';
import { STREAMS } from '../gan/streams.ts';
import {
  LONGEST_TAIL,
  type LikelihoodCost,
  STATE_FLOATS,
  likelihoodAccumulate,
  likelihoodBlock,
  tailCapacity,
} from '../ops/log-likelihood.ts';
import { threefryNormal } from '../ops/threefry.ts';
import { bankBounds } from './banks.ts';
import { type Images, imagesFor } from './images.ts';
import { encodeProposals } from './encoder.ts';
import { laplaceProposals } from './laplace.ts';
import { noiseOf } from './noise.ts';
import { tailLength } from './pareto.ts';
import { type LikelihoodStates, proposalStates, readStates } from './proposal-states.ts';
import { mostRows } from './rows-at-a-time.ts';
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

/** Images resident at once, in blocks: bounds GPU memory whatever N is. */
const MOST_RESIDENT_BYTES = 64 * 2 ** 20;

/** Chunks of latents are multiples of this, a tile of the reduction. */
const TILE = 64;

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
   * Likelihood estimates of images from K latents each.
   * @param images a data set, or values [N, ...sample] on the model's pixel scale.
   * @throws UserError where the images do not fit the model or hold values that are not finite.
   */
  async score(images: Images, options: ScoreOptions = {}): Promise<Scores> {
    this.#check();
    const set = imagesFor('scorer', this.model, images);
    const { sample, latent } = this.model.configuration.settings.model;
    const d = sizeOf(sample);
    const bounds = bankBounds(this.latents);
    const states =
      this.proposal === 'prior'
        ? await this.#accumulate(set, d, bounds, options)
        : await this.#accumulateOwn(set, bounds, options);
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
    this.#resident.dispose();
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

  /** The same from a proposal of each image's own. */
  async #accumulateOwn(
    set: Dataset,
    bounds: readonly number[],
    { signal, onProgress }: ScoreOptions,
  ): Promise<LikelihoodStates> {
    const check = (): void => {
      this.#check();
      signal?.throwIfAborted();
    };
    const common = { cost: this.cost, lambda: this.lambda, seed: this.#seed, check };
    /** The share of the work that finding the proposals is, roughly. */
    const looking = this.proposal === 'laplace' ? 0.8 : 0;
    const proposals =
      this.proposal === 'laplace'
        ? await laplaceProposals(this.#device, this.#resident, set, {
            ...common,
            onProgress: (done) => onProgress?.(looking * done),
          })
        : await encodeProposals(this.#device, this.#resident, set);
    return await proposalStates(this.#device, this.#resident, set, {
      ...common,
      proposals,
      bounds,
      onProgress: (done) => onProgress?.(looking + (1 - looking) * done),
    });
  }

  /** The reduction's final state of every bank of latents, and the largest log-weights of all, for every image. */
  async #accumulate(
    set: Dataset,
    d: number,
    bounds: readonly number[],
    { signal, onProgress }: ScoreOptions,
  ): Promise<LikelihoodStates> {
    const device = this.#device;
    const { latent } = this.model.configuration.settings.model;
    const n = set.count;
    const kept = Math.min(this.latents, tailLength(this.latents) + 1, LONGEST_TAIL);
    const banks = Array.from({ length: bounds.length - 1 }, () => new Float32Array(n * STATE_FLOATS));
    const tails = new Float32Array(n * kept);
    const largestBank = Math.max(...banks.map((_, b) => (bounds[b + 1] as number) - (bounds[b] as number)));
    const block = likelihoodBlock(targetOf(device), { n, k: largestBank, d, perObservation: false });
    const { rows } = block;
    // Chunks of a bank are about equal, since the networks make a whole one even of its last latents.
    const parts = Math.ceil(
      largestBank /
        Math.min(
          block.chunk,
          mostRows(device, TILE, (latents) => this.#bankRecording(latents)),
        ),
    );
    const chunk = Math.ceil(largestBank / parts / TILE) * TILE;
    const stride = 2 + tailCapacity(kept, chunk);
    const stateBytes = rows * STATE_FLOATS * 4;
    const blockBytes = rows * 4 * (d + stride) + stateBytes * (1 + banks.length);
    const blocks = Math.ceil(n / rows);
    const resident = Math.min(blocks, Math.max(1, Math.floor(MOST_RESIDENT_BYTES / blockBytes)));
    const owned: OwnedBuffer[] = [];
    const externals: Record<string, GPUBuffer> = { ...this.#resident.externals };
    const make = (name: string, bytes: number): GPUBuffer => {
      const buffer = device.storage(`score.${name}`, bytes);
      owned.push(buffer);
      externals[name] = buffer.buffer;
      return buffer.buffer;
    };
    const phases: Record<string, Recording> = {};
    try {
      make('bank.latents', chunk * latent * 4);
      make('bank.generated', chunk * d * 4);
      make('bank.critic', chunk * 4);
      phases['bank'] = this.#bankRecording(chunk);
      const residents = Array.from({ length: resident }, (_, index) => {
        const name = `${index}`;
        phases[name] = this.#blockRecording(name, { rows, chunk, d, stride, kept });
        return {
          name,
          observations: make(`${name}.observations`, rows * d * 4),
          state: make(`${name}.state`, stateBytes),
          tail: make(`${name}.tail`, rows * stride * 4),
          finals: make(`${name}.finals`, stateBytes * banks.length),
        };
      });
      using plan = await Plan.create(device, phases, externals, { phasesPerRun: 1 });
      const chunks = chunksOf(bounds, chunk);
      let done = 0;
      for (let first = 0; first < blocks; first += resident) {
        const here = residents.slice(0, blocks - first).map((buffers, index) => {
          const row = (first + index) * rows;
          return { ...buffers, row, count: Math.min(rows, n - row) };
        });
        for (const { observations, row, count } of here)
          device.upload(observations, 0, rowsOf(set, row, count));
        for (const { bank, start, count: validCount, firstOfBank, lastOfBank } of chunks) {
          this.#check(); // it may have been disposed while the last one ran
          plan.run([{ phase: 'bank', values: { firstBlock: (start * latent) / 2 } }]);
          const values = { validCount, first: Number(firstOfBank), firstOfAll: Number(start === 0) };
          for (const { name, state, finals } of here) {
            signal?.throwIfAborted();
            const keepState = (encoder: GPUCommandEncoder): void =>
              encoder.copyBufferToBuffer(state, 0, finals, bank * stateBytes, stateBytes);
            plan.run([{ phase: name, values, ...(lastOfBank ? { after: keepState } : {}) }]);
            await device.idle(); // so that a signal to stop is heard soon
            onProgress?.(++done / (chunks.length * blocks));
          }
        }
        for (const { finals, tail, row, count } of here) {
          await readStates(device, { finals, tail, rows, stride, kept }, { row, count }, { banks, tails });
        }
      }
      return { banks, tails };
    } finally {
      for (const buffer of owned) buffer.dispose();
    }
  }

  /** Draws a chunk of latents and applies G and D₂ to it. */
  #bankRecording(chunk: number): Recording {
    const { latent } = this.model.configuration.settings.model;
    const graph = new Graph();
    const latents = threefryNormal(graph, 'latents', [chunk, latent], {
      key: [this.#seed, STREAMS.scoring],
      counter: 0,
      firstBlock: { step: 'firstBlock' },
    });
    const generated = this.#resident.generate(graph, latents);
    const criticFake = this.#resident.criticise(graph, generated);
    graph.place(latents, { buffer: 'bank.latents', offset: 0 });
    graph.place(generated, { buffer: 'bank.generated', offset: 0 });
    graph.place(criticFake, { buffer: 'bank.critic', offset: 0 });
    return schedule(graph, targetOf(this.#device)).recording;
  }

  /** Adds the chunk of the bank to the state of one block of images. */
  #blockRecording(
    block: string,
    sizes: { rows: number; chunk: number; d: number; stride: number; kept: number },
  ): Recording {
    const { rows, chunk, d, stride, kept } = sizes;
    const { settings } = this.model.configuration;
    const graph = new Graph();
    const external = (name: string, shape: readonly number[], type: 'f32' | 'u32' = 'f32'): Tensor =>
      graph.external(name, shape, { buffer: name, offset: 0 }, type);
    likelihoodAccumulate(graph, {
      observations: external(`${block}.observations`, [rows, d]),
      generated: external('bank.generated', [chunk, d]),
      latents: external('bank.latents', [chunk, settings.model.latent]),
      critic: external('bank.critic', [chunk]),
      state: external(`${block}.state`, [rows, STATE_FLOATS]),
      tail: {
        keys: external(`${block}.tail`, [rows, stride], 'u32'),
        length: kept,
        first: { step: 'firstOfAll' },
      },
      cost: this.cost,
      lambda: this.lambda,
      validCount: { step: 'validCount' },
      first: { step: 'first' },
    });
    return schedule(graph, targetOf(this.#device)).recording;
  }
}

/** Counts of latents are exact in float32 up to here. */
const MOST_LATENTS = 2 ** 24;

/** Latents taken at a time: `count` from `start` on, all of one bank. */
interface Chunk {
  readonly bank: number;
  readonly start: number;
  readonly count: number;
  readonly firstOfBank: boolean;
  readonly lastOfBank: boolean;
}

/** The chunks of each bank in turn, of at most `most` latents. */
function chunksOf(bounds: readonly number[], most: number): Chunk[] {
  return bounds.slice(1).flatMap((end, bank) => {
    const begin = bounds[bank] as number;
    return Array.from({ length: Math.ceil((end - begin) / most) }, (_, c): Chunk => {
      const start = begin + c * most;
      const count = Math.min(most, end - start);
      return { bank, start, count, firstOfBank: c === 0, lastOfBank: start + count === end };
    });
  });
}
