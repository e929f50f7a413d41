/**
 * The likelihood reduction of images whose latents come from a Gaussian proposal of each image's own. Latents are drawn, the
 * generator and its critic applied, and the states accumulated on the GPU, a block of images and a chunk of their latents at
 * a time. An image's latents depend on the seed, its place in the data set and K, not on how the work is divided.
 */
import { type Dataset, rows as rowsOf, sampleSize } from '../data/dataset.ts';
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import { Plan } from '../gpu/plan.ts';
import type { Recording } from '../gpu/recording.ts';
import { targetOf } from '../gpu/target.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import type { ResidentModel } from '../gan/resident-model.ts';
import { STREAMS } from '../gan/streams.ts';
import { gaussianProposal, proposalWidth } from '../ops/gaussian-proposal.ts';
import {
  LONGEST_TAIL,
  STATE_FLOATS,
  likelihoodAccumulate,
  tailCapacity,
  tailOf,
} from '../ops/log-likelihood.ts';
import { threefryNormal } from '../ops/threefry.ts';
import type { Noise } from './noise.ts';
import { MOST_PHASES, PacedRuns } from './paced-runs.ts';
import { tailLength } from './pareto.ts';
import { mostRows } from './rows-at-a-time.ts';

export interface ProposalStatesOptions extends Noise {
  /** Of each image, [N, proposalWidth(r)] (../ops/gaussian-proposal.ts). */
  readonly proposals: Float32Array<ArrayBuffer>;
  /** Where each bank of latents starts, and at last K; see banks.ts. */
  readonly bounds: readonly number[];
  readonly seed: number;
  /** Called before each piece of work; throws where it should stop. */
  readonly check: () => void;
  readonly onProgress?: (done: number) => void;
}

/** The reduction's states: of every bank of latents, [N, 16], and the largest log-weights of all, [N, T]. */
export interface LikelihoodStates {
  readonly banks: readonly Float32Array[];
  readonly tails: Float32Array<ArrayBuffer>;
}

/** Latents of one image in a chunk at most, a multiple of 4. */
const MOST_CHUNK = 64;

export async function proposalStates(
  device: Device,
  resident: ResidentModel,
  set: Dataset,
  { proposals, bounds, seed, cost, lambda, check, onProgress }: ProposalStatesOptions,
): Promise<LikelihoodStates> {
  const r = resident.model.configuration.settings.model.latent;
  const d = sampleSize(set.shape);
  const n = set.count;
  const width = proposalWidth(r);
  const sizes = bounds.slice(1).map((end, b) => end - (bounds[b] as number));
  const latents = bounds.at(-1) as number;
  const kept = Math.min(latents, tailLength(latents) + 1, LONGEST_TAIL);
  const chunk = Math.min(MOST_CHUNK, Math.ceil(Math.max(...sizes) / 4) * 4);
  const external = (
    graph: Graph,
    name: string,
    shape: readonly number[],
    type: 'f32' | 'u32' = 'f32',
  ): Tensor => graph.external(name, shape, { buffer: name, offset: 0 }, type);

  /** Draws a chunk of latents for each of `images` images, and applies G and D₂ to them. */
  const draw = (images: number): Recording => {
    const graph = new Graph();
    const noise = threefryNormal(graph, 'noise', [images * chunk, r], {
      key: [seed, STREAMS.proposals],
      counter: { step: 'chunk' },
      firstBlock: { step: 'firstBlock' },
    });
    const drawn = gaussianProposal(graph, external(graph, 'proposals', [images, width]), noise);
    const generated = resident.generate(graph, drawn.latents);
    const criticFake = resident.criticise(graph, generated);
    graph.place(drawn.latents, { buffer: 'latents', offset: 0 });
    graph.place(drawn.logQ, { buffer: 'logQ', offset: 0 });
    graph.place(generated, { buffer: 'generated', offset: 0 });
    graph.place(criticFake, { buffer: 'criticFake', offset: 0 });
    return schedule(graph, targetOf(device)).recording;
  };
  const images = Math.min(
    n,
    Math.max(1, Math.floor(mostRows(device, chunk, (rows) => draw(rows / chunk)) / chunk)),
  );
  const stride = 2 + tailCapacity(images, { length: kept, latents, chunk });
  /** Adds the chunk to the states of a block of images. */
  const reduce = (): Recording => {
    const graph = new Graph();
    likelihoodAccumulate(graph, {
      observations: external(graph, 'observations', [images, d]),
      generated: external(graph, 'generated', [images, chunk, d]),
      latents: external(graph, 'latents', [images, chunk, r]),
      critic: external(graph, 'criticFake', [images, chunk]),
      logQ: external(graph, 'logQ', [images, chunk]),
      state: external(graph, 'state', [images, STATE_FLOATS]),
      tail: {
        keys: external(graph, 'tail', [images, stride], 'u32'),
        length: kept,
        latents,
      },
      cost,
      lambda,
      validCount: { step: 'validCount' },
      first: { step: 'first' },
    });
    return schedule(graph, targetOf(device)).recording;
  };

  const owned: OwnedBuffer[] = [];
  const externals: Record<string, GPUBuffer> = { ...resident.externals };
  const make = (name: string, floats: number): GPUBuffer => {
    const buffer = device.storage(`score.${name}`, floats * 4);
    owned.push(buffer);
    externals[name] = buffer.buffer;
    return buffer.buffer;
  };
  try {
    const observations = make('observations', images * d);
    const parameters = make('proposals', images * width);
    const state = make('state', images * STATE_FLOATS);
    const finals = make('finals', images * STATE_FLOATS * sizes.length);
    const tail = make('tail', images * stride);
    make('latents', images * chunk * r);
    make('logQ', images * chunk);
    make('generated', images * chunk * d);
    make('criticFake', images * chunk);
    using plan = await Plan.create(device, { draw: draw(images), reduce: reduce() }, externals, {
      phasesPerRun: MOST_PHASES,
    });
    const banks = sizes.map(() => new Float32Array(n * STATE_FLOATS));
    const tails = new Float32Array(n * kept);
    const chunks = sizes.flatMap((size, bank) =>
      Array.from({ length: Math.ceil(size / chunk) }, (_, c) => ({
        bank,
        validCount: Math.min(chunk, size - c * chunk),
        first: c === 0,
        last: (c + 1) * chunk >= size,
      })),
    );
    const stateBytes = images * STATE_FLOATS * 4;
    for (let row = 0; row < n; row += images) {
      const count = Math.min(images, n - row);
      device.upload(observations, 0, rowsOf(set, row, count));
      device.upload(parameters, 0, proposals.subarray(row * width, (row + count) * width));
      const runs = new PacedRuns(device, plan, check);
      for (const [index, { bank, validCount, first, last }] of chunks.entries()) {
        const keepState = (encoder: GPUCommandEncoder): void =>
          encoder.copyBufferToBuffer(state, 0, finals, bank * stateBytes, stateBytes);
        const drawn = await runs.add({
          phase: 'draw',
          values: { chunk: index, firstBlock: (row * chunk * r) / 2 },
        });
        const reduced = await runs.add({
          phase: 'reduce',
          values: { validCount, first: Number(first) },
          ...(index === 0 ? { before: (encoder) => encoder.clearBuffer(tail) } : {}),
          ...(last ? { after: keepState } : {}),
        });
        if (drawn || reduced) onProgress?.((row + (count * (index + 1)) / chunks.length) / n);
      }
      await runs.finish();
      onProgress?.((row + count) / n);
      await readStates(
        device,
        { finals, tail, rows: images, stride, kept },
        { row, count },
        { banks, tails },
      );
    }
    return { banks, tails };
  } finally {
    for (const buffer of owned) buffer.dispose();
  }
}

/** Reads a block's states of every bank, [banks, rows, 16], and its tails, [rows, ·], to the places of `count` images from `row` on. */
export async function readStates(
  device: Device,
  block: {
    readonly finals: GPUBuffer;
    readonly tail: GPUBuffer;
    readonly rows: number;
    readonly stride: number;
    readonly kept: number;
  },
  { row, count }: { readonly row: number; readonly count: number },
  { banks, tails }: LikelihoodStates,
): Promise<void> {
  const { finals, tail, rows, stride, kept } = block;
  const [states, keys] = (await device.readAll([
    { buffer: finals, bytes: rows * STATE_FLOATS * banks.length * 4 },
    { buffer: tail, bytes: count * stride * 4 },
  ])) as [ArrayBuffer, ArrayBuffer];
  banks.forEach((bank, b) => {
    const first = b * rows * STATE_FLOATS;
    bank.set(new Float32Array(states, first * 4, count * STATE_FLOATS), row * STATE_FLOATS);
  });
  tails.set(tailOf(new Uint32Array(keys), count, kept), row * kept);
}
