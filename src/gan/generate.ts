/** Samples of a generator: latents drawn on the GPU or given, G applied in chunks, images read back. */
import { Plan } from '../gpu/plan.ts';
import type { Device } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import { targetOf } from '../gpu/target.ts';
import { Graph, type Tensor, sizeOf } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import { type Architecture, networksOf } from '../nn/architectures.ts';
import { applyStack, parameterTensors } from '../nn/layers.ts';
import { threefryNormal } from '../ops/threefry.ts';
import { STREAMS } from './streams.ts';

const CHUNK = 256;

/** The generator's flat buffers: its parameters, and the statistics of its batch norms. */
export interface GeneratorWeights {
  readonly parameters: GPUBuffer;
  readonly statistics: GPUBuffer;
}

/**
 * G(x) for `count` latents x ~ N(0, I): [count, d].
 * @param seed the same seed gives the same latents, whatever the count.
 * @param check called before each use of the parameters; throws where their owner has been disposed of.
 * @throws UserError where the count or the seed is no whole number, or the samples exceed the host's memory.
 */
export async function generate(
  device: Device,
  architecture: Architecture,
  weights: GeneratorWeights,
  count: number,
  seed: number,
  check: () => void,
): Promise<Float32Array<ArrayBuffer>> {
  for (const [name, value, least] of [
    ['count', count, 1],
    ['seed', seed, 0],
  ] as const) {
    if (!Number.isInteger(value) || value < least || value > 0xffffffff)
      throw new UserError(
        `sample: ${name} is ${value}; must be a whole number of ${least} or more, 4294967295 at most`,
      );
  }
  return applied(device, architecture, weights, count, check, (graph, rows) => ({
    latents: threefryNormal(graph, 'latents', [rows, architecture.latent], {
      key: [seed, STREAMS.samples],
      counter: { step: 'chunk' },
    }),
  }));
}

/**
 * G(x) of given latents, [n, r] → [n, d].
 * @param weights and `check` as for `generate`.
 * @throws UserError where there are no whole latents, a value is not finite, or the samples exceed the host's memory.
 */
export async function generateFrom(
  device: Device,
  architecture: Architecture,
  weights: GeneratorWeights,
  given: Float32Array,
  check: () => void,
): Promise<Float32Array<ArrayBuffer>> {
  const r = architecture.latent;
  if (given.length === 0 || given.length % r !== 0)
    throw new UserError(
      `generate: ${given.length} values of latents; must be [n, ${r}], one or more times ${r} values`,
    );
  const bad = given.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new UserError(
      `generate: value ${bad % r} of latent ${Math.floor(bad / r)} is ${given[bad]}; every value must be a finite number`,
    );
  const count = given.length / r;
  using buffer = device.storage('generate.latents', Math.min(CHUNK, count) * r * 4);
  return await applied(device, architecture, weights, count, check, (graph, rows) => ({
    latents: graph.external('latents', [rows, r], { buffer: 'latents', offset: 0 }),
    buffer: buffer.buffer,
    fill: (row, made) =>
      device.upload(buffer.buffer, 0, Float32Array.from(given.subarray(row * r, (row + made) * r))),
  }));
}

/** Where the latents of a chunk come from: a tensor, and of given ones their buffer and how it is filled from `row` on. */
interface LatentSource {
  readonly latents: Tensor;
  readonly buffer?: GPUBuffer;
  readonly fill?: (row: number, made: number) => void;
}

/** G of `count` latents, a chunk at a time: [count, d]. */
async function applied(
  device: Device,
  architecture: Architecture,
  weights: GeneratorWeights,
  count: number,
  check: () => void,
  source: (graph: Graph, rows: number) => LatentSource,
): Promise<Float32Array<ArrayBuffer>> {
  const { generator } = networksOf(architecture);
  const d = sizeOf(architecture.sample);
  const rows = Math.min(CHUNK, count);
  const all = hostFloats(count, d);
  const graph = new Graph();
  const { latents, buffer, fill } = source(graph, rows);
  const tensors = parameterTensors(graph, generator.layout, 'parameters');
  const statistics = parameterTensors(graph, generator.statistics, 'statistics');
  const samples = applyStack(graph, generator.stack, tensors, latents, { by: 'statistics', statistics });
  const { recording, slot } = schedule(graph, targetOf(device), [samples]);
  using plan = await Plan.create(
    device,
    { chunk: recording },
    { ...weights, ...(buffer ? { latents: buffer } : {}) },
  );
  for (let chunk = 0; chunk * rows < count; chunk++) {
    check();
    const made = Math.min(rows, count - chunk * rows);
    fill?.(chunk * rows, made);
    plan.run([{ phase: 'chunk', values: fill ? {} : { chunk } }]);
    const view = plan.view(slot(samples));
    all.set(await device.readFloats(view.buffer, view.offset, made * d), chunk * rows * d);
  }
  return all;
}

/** Zeros for [count, d]. @throws UserError where the host has no room for them. */
function hostFloats(count: number, d: number): Float32Array<ArrayBuffer> {
  try {
    return new Float32Array(count * d);
  } catch {
    throw new UserError(
      `sample: count is ${count}; so many samples of ${d} values do not fit in memory, draw fewer at a time`,
    );
  }
}
