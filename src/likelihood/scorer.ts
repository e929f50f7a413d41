/**
 * Scores images under a trained model. Latents are drawn, the generator and its critic applied, and the likelihood
 * reduction run, all on the GPU, chunk by chunk: neither the bank of latents nor the N×K costs are ever stored.
 */
import { type Dataset, dataset, rows as rowsOf, sampleSize } from '../data/dataset.ts';
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import { Plan } from '../gpu/plan.ts';
import type { Recording } from '../gpu/recording.ts';
import { targetOf } from '../gpu/target.ts';
import { Graph, type Tensor, sizeOf } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import { generate } from '../gan/generate.ts';
import type { Model } from '../gan/model.ts';
import { finalLambda } from '../gan/settings.ts';
import { STREAMS } from '../gan/streams.ts';
import { flatten } from '../gan/weights.ts';
import { type Networks, networksOf } from '../nn/architectures.ts';
import { applyStack, parameterTensors } from '../nn/layers.ts';
import {
  LONGEST_TAIL,
  type LikelihoodCost,
  STATE_FLOATS,
  likelihoodAccumulate,
  likelihoodBlock,
  tailCapacity,
  tailOf,
} from '../ops/log-likelihood.ts';
import { threefryNormal } from '../ops/threefry.ts';
import { bitsPerDimension } from './bits-per-dimension.ts';
import { type LikelihoodEstimates, finishLikelihood } from './finish.ts';
import { tailLength } from './pareto.ts';

export interface ScorerOptions {
  /** Latents per image, K. Default 2000. */
  readonly latents?: number;
  /** Same seed, same latents. Default 0. */
  readonly seed?: number;
  /** λ of the explicit model, in units of the cost; default the one that training ended with. */
  readonly lambda?: number;
}

export interface ScoreOptions {
  readonly signal?: AbortSignal;
  /** Called now and then with the share of the work that is done, 0..1. */
  readonly onProgress?: (done: number) => void;
}

/** Likelihood estimates per image, in nats on the model's pixel scale, with what they are stated for. */
export interface Scores extends LikelihoodEstimates {
  /** −L_K / (d ln 2), plus the 8-bit correction where the images are 8-bit; per image. */
  readonly bitsPerDim: Float64Array;
  readonly latents: number;
  readonly lambda: number;
  readonly cost: LikelihoodCost;
  readonly dimensions: number;
}

/** Images resident at once, in blocks: bounds GPU memory whatever N is. */
const MOST_RESIDENT_BYTES = 256 * 2 ** 20;

export class Scorer implements Disposable {
  readonly model: Model;
  readonly latents: number;
  readonly lambda: number;
  readonly #device: Device;
  readonly #networks: Networks;
  readonly #seed: number;
  readonly #generator: OwnedBuffer;
  readonly #critic: OwnedBuffer;
  #disposed = false;

  private constructor(device: Device, model: Model, options: Required<ScorerOptions>) {
    this.model = model;
    this.latents = options.latents;
    this.lambda = options.lambda;
    this.#device = device;
    this.#seed = options.seed;
    this.#networks = networksOf(model.configuration.settings.model);
    this.#generator = device.storageOf(
      'generator',
      flatten(this.#networks.generator.layout, model.generator),
    );
    this.#critic = device.storageOf('critic', flatten(this.#networks.critic.layout, model.critic));
  }

  /** Uploads a model for scoring. @throws UserError on K or λ out of range. */
  static async create(device: Device, model: Model, options: ScorerOptions = {}): Promise<Scorer> {
    const { latents = 2000, seed = 0, lambda = finalLambda(model.configuration.settings.lambda) } = options;
    if (!Number.isInteger(latents) || latents < 1 || latents > MOST_LATENTS)
      throw new UserError(`scorer: latents is ${latents}; must be a whole number from 1 to ${MOST_LATENTS}`);
    if (!Number.isInteger(seed) || seed < 0 || seed > 0xffffffff)
      throw new UserError(`scorer: seed is ${seed}; must be a whole number from 0 to 4294967295`);
    if (!(lambda > 0 && Number.isFinite(lambda)))
      throw new UserError(`scorer: lambda is ${lambda}; must be a finite number above 0`);
    device.check();
    return new Scorer(device, model, { latents, seed, lambda });
  }

  /**
   * Likelihood estimates of images from K latents drawn from the prior; all images share one bank.
   * @param images a data set, or values [N, ...sample] on the model's pixel scale.
   * @throws UserError where the images do not fit the model or hold values that are not finite.
   */
  async score(
    images: Dataset | { readonly data: Float32Array | Uint8Array; readonly shape: readonly number[] },
    options: ScoreOptions = {},
  ): Promise<Scores> {
    this.#check();
    const set = 'pixels' in images ? images : dataset({ ...images, name: 'images' });
    const { settings, pixelScale } = this.model.configuration;
    const d = sizeOf(settings.model.sample);
    if (sampleSize(set.shape) !== d)
      throw new UserError(
        `scorer: images of ${set.name} have shape [${set.shape}] (${sampleSize(set.shape)} values), the model was made for [${settings.model.sample}] (${d})`,
      );
    if (pixelScale !== null && set.pixels.kind === 'bytes' && set.pixels.scale !== pixelScale)
      throw new UserError(
        `scorer: pixels of ${set.name} are bytes times ${set.pixels.scale}, the model's bytes times ${pixelScale}; use the same scale`,
      );
    const { states, tails } = await this.#accumulate(set, d, options);
    const { cost } = settings;
    const estimates = finishLikelihood(states, {
      count: this.latents,
      d,
      cost,
      lambda: this.lambda,
      tail: tails,
      r: settings.model.latent,
      given: false,
    });
    return {
      ...estimates,
      bitsPerDim: estimates.importance.map((logLikelihood) =>
        bitsPerDimension(logLikelihood, d, { levels: set.bits8 ? 255 : null }),
      ),
      latents: this.latents,
      lambda: this.lambda,
      cost,
      dimensions: d,
    };
  }

  /** `count` samples of the generator, [count, d]. The same seed gives the same latents. */
  async sample(count: number, options: { readonly seed?: number } = {}): Promise<Float32Array<ArrayBuffer>> {
    this.#check();
    const { model } = this.model.configuration.settings;
    return generate(this.#device, model, this.#generator.buffer, count, options.seed ?? 0);
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#generator.dispose();
    this.#critic.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  #check(): void {
    if (this.#disposed) throw new UserError('scorer: used after dispose(); create a new one');
  }

  /** The reduction's final state and largest log-weights of every image. */
  async #accumulate(
    set: Dataset,
    d: number,
    { signal, onProgress }: ScoreOptions,
  ): Promise<{ states: Float32Array; tails: Float32Array }> {
    const device = this.#device;
    const n = set.count;
    const k = this.latents;
    const kept = Math.min(k, tailLength(k) + 1, LONGEST_TAIL);
    const { rows, chunk } = likelihoodBlock(targetOf(device), { n, k, d, perObservation: false });
    const stride = 2 + tailCapacity(kept, chunk);
    const blockBytes = rows * 4 * (d + STATE_FLOATS + stride);
    const blocks = Math.ceil(n / rows);
    const resident = Math.min(blocks, Math.max(1, Math.floor(MOST_RESIDENT_BYTES / blockBytes)));
    const states = new Float32Array(n * STATE_FLOATS);
    const tails = new Float32Array(n * kept);
    const owned: OwnedBuffer[] = [];
    const externals: Record<string, GPUBuffer> = {
      generator: this.#generator.buffer,
      critic: this.#critic.buffer,
    };
    const make = (name: string, bytes: number): void => {
      const buffer = device.storage(`score.${name}`, bytes);
      owned.push(buffer);
      externals[name] = buffer.buffer;
    };
    const phases: Record<string, Recording> = {};
    try {
      make('bank.latents', chunk * this.model.configuration.settings.model.latent * 4);
      make('bank.generated', chunk * d * 4);
      make('bank.critic', chunk * 4);
      phases['bank'] = this.#bankRecording(chunk);
      for (let block = 0; block < resident; block++) {
        make(`${block}.observations`, rows * d * 4);
        make(`${block}.state`, rows * STATE_FLOATS * 4);
        make(`${block}.tail`, rows * stride * 4);
        phases[`${block}`] = this.#blockRecording(block, { rows, chunk, d, stride, kept });
      }
      using plan = await Plan.create(device, phases, externals, { phasesPerRun: 1 });
      const chunks = Math.ceil(k / chunk);
      let done = 0;
      for (let first = 0; first < blocks; first += resident) {
        const here = Math.min(resident, blocks - first);
        const countOf = (block: number): number => Math.min(rows, n - (first + block) * rows);
        for (let block = 0; block < here; block++)
          device.upload(
            externals[`${block}.observations`] as GPUBuffer,
            0,
            rowsOf(set, (first + block) * rows, countOf(block)),
          );
        for (let c = 0; c < chunks; c++) {
          signal?.throwIfAborted();
          const start = c * chunk;
          const values = { start, validCount: Math.min(chunk, k - start), first: Number(c === 0) };
          plan.run([
            {
              phase: 'bank',
              values: { firstBlock: (start * this.model.configuration.settings.model.latent) / 2 },
            },
          ]);
          for (let block = 0; block < here; block++) {
            plan.run([{ phase: `${block}`, values }]);
            await device.idle();
            onProgress?.(++done / (chunks * blocks));
          }
        }
        for (let block = 0; block < here; block++) {
          const row = (first + block) * rows;
          const state = externals[`${block}.state`] as GPUBuffer;
          states.set(await device.readFloats(state, 0, countOf(block) * STATE_FLOATS), row * STATE_FLOATS);
          const keys = await device.read(
            externals[`${block}.tail`] as GPUBuffer,
            0,
            countOf(block) * stride * 4,
          );
          tails.set(tailOf(new Uint32Array(keys), countOf(block), kept), row * kept);
        }
      }
      return { states, tails };
    } finally {
      for (const buffer of owned) buffer.dispose();
    }
  }

  /** Draws a chunk of latents and applies G and D₂ to it. */
  #bankRecording(chunk: number): Recording {
    const { generator, critic } = this.#networks;
    const { latent } = this.model.configuration.settings.model;
    const graph = new Graph();
    const latents = threefryNormal(graph, 'latents', [chunk, latent], {
      key: [this.#seed, STREAMS.scoring],
      counter: 0,
      firstBlock: { step: 'firstBlock' },
    });
    const generatorWeights = parameterTensors(graph, generator.layout, 'generator');
    const criticWeights = parameterTensors(graph, critic.layout, 'critic');
    const generated = applyStack(graph, generator.stack, generatorWeights, latents);
    const features = critic.trunk ? applyStack(graph, critic.trunk, criticWeights, generated) : generated;
    const criticFake = applyStack(graph, critic.fake, criticWeights, features);
    graph.place(latents, { buffer: 'bank.latents', offset: 0 });
    graph.place(generated, { buffer: 'bank.generated', offset: 0 });
    graph.place(criticFake, { buffer: 'bank.critic', offset: 0 });
    return schedule(graph, targetOf(this.#device)).recording;
  }

  /** Adds the chunk of the bank to the state of one block of images. */
  #blockRecording(
    block: number,
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
      tail: { keys: external(`${block}.tail`, [rows, stride], 'u32'), length: kept },
      cost: settings.cost,
      lambda: this.lambda,
      validCount: { step: 'validCount' },
      first: { step: 'first' },
    });
    return schedule(graph, targetOf(this.#device)).recording;
  }
}

/** Counts of latents are exact in float32 up to here. */
const MOST_LATENTS = 2 ** 24;
