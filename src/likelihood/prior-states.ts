/**
 * The likelihood reduction of images against one bank of latents from the prior, for all of them. Latents are drawn, the generator
 * and its critic applied, and the states accumulated on the GPU, a chunk of the bank and a block of images at a time: the N×K
 * costs are never stored. What was built for N images scores others as well; a bank that is small enough is made once and kept.
 */
import { type Dataset, rows as rowsOf } from '../data/dataset.ts';
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import { type PhaseRun, Plan } from '../gpu/plan.ts';
import type { Recording } from '../gpu/recording.ts';
import { targetOf } from '../gpu/target.ts';
import { Graph, type Tensor, sizeOf } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import type { ResidentModel } from '../gan/resident-model.ts';
import { STREAMS } from '../gan/streams.ts';
import {
  LONGEST_TAIL,
  STATE_FLOATS,
  likelihoodAccumulate,
  likelihoodBlock,
  tailCapacity,
} from '../ops/log-likelihood.ts';
import { threefryNormal } from '../ops/threefry.ts';
import type { Noise } from './noise.ts';
import { MOST_PHASES, PacedRuns } from './paced-runs.ts';
import { tailLength } from './pareto.ts';
import { type LikelihoodStates, readStates } from './proposal-states.ts';
import { mostRows } from './rows-at-a-time.ts';

export interface PriorStatesOptions extends Noise {
  /** Where each bank of latents starts, and at last K; see banks.ts. */
  readonly bounds: readonly number[];
  readonly seed: number;
  /** Called before each piece of work; throws where it should stop. */
  readonly check: () => void;
  /** Called with the share of the first score's work that is done. */
  readonly onProgress?: ((done: number) => void) | undefined;
}

/** Images resident at once, in blocks: bounds GPU memory whatever N is. */
const MOST_RESIDENT_BYTES = 64 * 2 ** 20;
/** A bank of this many bytes is kept, latents, samples and critic values; a larger one is made anew each time. */
const MOST_KEPT_BYTES = 64 * 2 ** 20;
/** Chunks of latents are multiples of this, a tile of the reduction. */
const TILE = 64;

/** Latents taken at a time: `count` from `start` on, all of one bank. */
interface Chunk {
  readonly bank: number;
  readonly start: number;
  readonly count: number;
  readonly firstOfBank: boolean;
  readonly lastOfBank: boolean;
}

/** The buffers of a block of images. */
interface Block {
  readonly name: string;
  readonly observations: GPUBuffer;
  readonly state: GPUBuffer;
  readonly tail: GPUBuffer;
  readonly finals: GPUBuffer;
}

/** What the parts of the work have in common. */
interface Sizes {
  /** Images in a block, and latents in a chunk. */
  readonly rows: number;
  readonly chunk: number;
  readonly d: number;
  readonly r: number;
  /** K. */
  readonly latents: number;
  /** Log-weights kept of each image, and words between its tail and the next. */
  readonly kept: number;
  readonly stride: number;
}

/** One of the three arrays of a chunk that is kept: where the phases find it, and where that of the whole bank is. */
interface BankPart {
  readonly working: GPUBuffer;
  readonly store: GPUBuffer;
  readonly bytes: number;
}

export class PriorStates implements Disposable {
  /** The number of images that it was built for. */
  readonly count: number;
  readonly #device: Device;
  readonly #bounds: readonly number[];
  readonly #sizes: Sizes;
  readonly #owned: readonly OwnedBuffer[];
  readonly #plan: Plan<string>;
  readonly #blocks: readonly Block[];
  /** Where the whole bank is kept, if it is. */
  readonly #parts: readonly BankPart[];
  /** The share of the first score's work that making the bank was; 0 after it. */
  #ahead: number;

  private constructor(parts: {
    count: number;
    device: Device;
    bounds: readonly number[];
    sizes: Sizes;
    owned: readonly OwnedBuffer[];
    plan: Plan<string>;
    blocks: readonly Block[];
    bankParts: readonly BankPart[];
    ahead: number;
  }) {
    this.count = parts.count;
    this.#device = parts.device;
    this.#bounds = parts.bounds;
    this.#sizes = parts.sizes;
    this.#owned = parts.owned;
    this.#plan = parts.plan;
    this.#blocks = parts.blocks;
    this.#parts = parts.bankParts;
    this.#ahead = parts.ahead;
  }

  /** Builds the plan and its buffers for `count` images, and the bank if it is to be kept. */
  static async create(
    device: Device,
    resident: ResidentModel,
    count: number,
    options: PriorStatesOptions,
  ): Promise<PriorStates> {
    const { bounds, seed, check, onProgress } = options;
    const { sample, latent: r } = resident.model.configuration.settings.model;
    const d = sizeOf(sample);
    const latents = bounds.at(-1) as number;
    const kept = Math.min(latents, tailLength(latents) + 1, LONGEST_TAIL);
    const banks = bounds.length - 1;
    const largestBank = Math.max(...bounds.slice(1).map((end, b) => end - (bounds[b] as number)));
    const record = (rows: number): Recording => bankRecording(device, resident, seed, rows);
    const block = likelihoodBlock(targetOf(device), { n: count, k: largestBank, d, perObservation: false });
    const { rows } = block;
    // Chunks of a bank are about equal, since the networks make a whole one even of its last latents.
    const parts = Math.ceil(largestBank / Math.min(block.chunk, mostRows(device, TILE, record)));
    const chunk = Math.ceil(largestBank / parts / TILE) * TILE;
    const stride = 2 + tailCapacity(rows, { length: kept, latents, chunk });
    const sizes: Sizes = { rows, chunk, d, r, latents, kept, stride };
    const stateBytes = rows * STATE_FLOATS * 4;
    const blockBytes = rows * 4 * (d + stride) + stateBytes * (1 + banks);
    const blocks = Math.min(
      Math.ceil(count / rows),
      Math.max(1, Math.floor(MOST_RESIDENT_BYTES / blockBytes)),
    );
    const chunks = chunksOf(bounds, chunk);
    const keeps = chunks.length * chunk * (d + r + 1) * 4 <= MOST_KEPT_BYTES;
    const owned: OwnedBuffer[] = [];
    const externals: Record<string, GPUBuffer> = { ...resident.externals };
    const make = (name: string, bytes: number): GPUBuffer => {
      const buffer = device.storage(`score.${name}`, bytes);
      owned.push(buffer);
      externals[name] = buffer.buffer;
      return buffer.buffer;
    };
    try {
      const bankParts = Object.entries({ latents: r, generated: d, critic: 1 }).flatMap(([name, width]) => {
        const bytes = chunk * width * 4;
        const working = make(`bank.${name}`, bytes);
        return keeps ? [{ working, store: make(`bank.${name}.kept`, chunks.length * bytes), bytes }] : [];
      });
      const made = Array.from({ length: blocks }, (_, index): Block => {
        const name = `${index}`;
        return {
          name,
          observations: make(`${name}.observations`, rows * d * 4),
          state: make(`${name}.state`, stateBytes),
          tail: make(`${name}.tail`, rows * stride * 4),
          finals: make(`${name}.finals`, stateBytes * banks),
        };
      });
      const bank = { bank: record(chunk) };
      const scoring = Object.fromEntries(
        made.map(({ name }) => [name, blockRecording(device, name, sizes, options)]),
      );
      const phases = { ...(keeps ? {} : bank), ...scoring };
      const forBank = flopsOf(bank.bank);
      const forAll = forBank + Math.ceil(count / rows) * flopsOf(scoring['0'] as Recording);
      const ahead = keeps ? forBank / forAll : 0;
      const bankPlan = keeps
        ? await Plan.create(device, bank, externals, { phasesPerRun: MOST_PHASES })
        : null;
      // The bank is made while the rest is compiled.
      const [kept, built] = await Promise.allSettled([
        bankPlan &&
          keepBank(device, bankPlan, {
            chunks,
            r,
            parts: bankParts,
            check,
            onProgress: (done) => onProgress?.(ahead * done),
          }),
        Plan.create<string>(device, phases, externals, { phasesPerRun: MOST_PHASES }),
      ]);
      if (built.status === 'rejected') throw built.reason;
      const plan = built.value;
      if (kept.status === 'rejected') {
        plan.dispose();
        throw kept.reason;
      }
      return new PriorStates({ count, device, bounds, sizes, owned, plan, blocks: made, bankParts, ahead });
    } catch (error) {
      for (const buffer of owned) buffer.dispose();
      throw error;
    }
  }

  /**
   * The final state of every bank of latents, and the largest log-weights of all, for every image of `set`.
   * @param check called before each piece of work; throws where it should stop.
   */
  async accumulate(
    set: Dataset,
    { check, onProgress }: { readonly check: () => void; readonly onProgress?: (done: number) => void },
  ): Promise<LikelihoodStates> {
    const device = this.#device;
    const { rows, chunk, r, kept, stride } = this.#sizes;
    const n = set.count;
    const stateBytes = rows * STATE_FLOATS * 4;
    const banks = this.#bounds.slice(1).map(() => new Float32Array(n * STATE_FLOATS));
    const tails = new Float32Array(n * kept);
    const chunks = chunksOf(this.#bounds, chunk);
    const isKept = this.#parts.length > 0;
    const blocks = Math.ceil(n / rows);
    let done = 0;
    const report = (): void =>
      onProgress?.(this.#ahead + ((1 - this.#ahead) * done) / (chunks.length * blocks));
    for (let first = 0; first < blocks; first += this.#blocks.length) {
      const here = this.#blocks.slice(0, blocks - first).map((buffers, index) => {
        const row = (first + index) * rows;
        return { ...buffers, row, count: Math.min(rows, n - row) };
      });
      check();
      for (const { observations, row, count } of here)
        device.upload(observations, 0, rowsOf(set, row, count));
      const runs = new PacedRuns(device, this.#plan, check);
      for (const [index, { bank, start, count: validCount, firstOfBank, lastOfBank }] of chunks.entries()) {
        let submitted = false;
        if (!isKept) submitted = await runs.add({ phase: 'bank', values: { firstBlock: (start * r) / 2 } });
        for (const [place, { name, state, finals, tail }] of here.entries()) {
          const fetches = isKept && place === 0;
          const run: PhaseRun<string> = {
            phase: name,
            values: { validCount, first: Number(firstOfBank) },
            ...(start === 0 || fetches
              ? {
                  before: (encoder) => {
                    if (start === 0) encoder.clearBuffer(tail);
                    if (fetches) this.#fetch(encoder, index);
                  },
                }
              : {}),
            ...(lastOfBank
              ? {
                  after: (encoder) =>
                    encoder.copyBufferToBuffer(state, 0, finals, bank * stateBytes, stateBytes),
                }
              : {}),
          };
          submitted = (await runs.add(run)) || submitted;
          done++;
          if (submitted) report();
          submitted = false;
        }
      }
      await runs.finish();
      for (const { finals, tail, row, count } of here) {
        await readStates(device, { finals, tail, rows, stride, kept }, { row, count }, { banks, tails });
        check();
      }
      report();
      check();
    }
    this.#ahead = 0;
    return { banks, tails };
  }

  /** Copies a chunk of the kept bank to where the phases find it. */
  #fetch(encoder: GPUCommandEncoder, index: number): void {
    for (const { working, store, bytes } of this.#parts)
      encoder.copyBufferToBuffer(store, index * bytes, working, 0, bytes);
  }

  dispose(): void {
    this.#plan.dispose();
    for (const buffer of this.#owned) buffer.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Makes every chunk of a bank, and keeps it; disposes the plan. */
async function keepBank(
  device: Device,
  plan: Plan<'bank'>,
  {
    chunks,
    r,
    parts,
    check,
    onProgress,
  }: {
    readonly chunks: readonly Chunk[];
    readonly r: number;
    readonly parts: readonly BankPart[];
    readonly check: () => void;
    readonly onProgress: (done: number) => void;
  },
): Promise<void> {
  using _ = plan;
  const runs = new PacedRuns(device, plan, check);
  for (const [index, { start }] of chunks.entries()) {
    const submitted = await runs.add({
      phase: 'bank',
      values: { firstBlock: (start * r) / 2 },
      after: (encoder) => {
        for (const { working, store, bytes } of parts)
          encoder.copyBufferToBuffer(working, 0, store, index * bytes, bytes);
      },
    });
    if (submitted) onProgress((index + 1) / chunks.length);
  }
  await runs.finish();
}

/** Draws a chunk of latents and applies G and D₂ to it. */
function bankRecording(device: Device, resident: ResidentModel, seed: number, chunk: number): Recording {
  const { latent } = resident.model.configuration.settings.model;
  const graph = new Graph();
  const latents = threefryNormal(graph, 'latents', [chunk, latent], {
    key: [seed, STREAMS.scoring],
    counter: 0,
    firstBlock: { step: 'firstBlock' },
  });
  const generated = resident.generate(graph, latents);
  const criticFake = resident.criticise(graph, generated);
  graph.place(latents, { buffer: 'bank.latents', offset: 0 });
  graph.place(generated, { buffer: 'bank.generated', offset: 0 });
  graph.place(criticFake, { buffer: 'bank.critic', offset: 0 });
  return schedule(graph, targetOf(device)).recording;
}

/** Adds the chunk of the bank to the state of one block of images. */
function blockRecording(
  device: Device,
  block: string,
  { rows, chunk, d, r, latents, stride, kept }: Sizes,
  { cost, lambda }: Noise,
): Recording {
  const graph = new Graph();
  const external = (name: string, shape: readonly number[], type: 'f32' | 'u32' = 'f32'): Tensor =>
    graph.external(name, shape, { buffer: name, offset: 0 }, type);
  likelihoodAccumulate(graph, {
    observations: external(`${block}.observations`, [rows, d]),
    generated: external('bank.generated', [chunk, d]),
    latents: external('bank.latents', [chunk, r]),
    critic: external('bank.critic', [chunk]),
    state: external(`${block}.state`, [rows, STATE_FLOATS]),
    tail: {
      keys: external(`${block}.tail`, [rows, stride], 'u32'),
      length: kept,
      latents,
    },
    cost,
    lambda,
    validCount: { step: 'validCount' },
    first: { step: 'first' },
  });
  return schedule(graph, targetOf(device)).recording;
}

function flopsOf({ dispatches }: Recording): number {
  return dispatches.reduce((sum, { flops }) => sum + flops, 0);
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
