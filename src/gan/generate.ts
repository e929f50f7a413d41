/** Samples of a generator: latents drawn on the GPU, G applied in chunks, images read back. */
import { Plan } from '../gpu/plan.ts';
import type { Device } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import { targetOf } from '../gpu/target.ts';
import { Graph, sizeOf } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import { type Architecture, networksOf } from '../nn/architectures.ts';
import { applyStack, parameterTensors } from '../nn/layers.ts';
import { threefryNormal } from '../ops/threefry.ts';
import { STREAMS } from './streams.ts';

const CHUNK = 256;

/**
 * G(x) for `count` latents x ~ N(0, I): [count, d].
 * @param weights the generator's flat buffers: its parameters, and the statistics of its batch norms.
 * @param seed the same seed gives the same latents, whatever the count.
 * @param check called before each use of the parameters; throws where their owner has been disposed of.
 * @throws UserError where the count or the seed is no whole number, or the samples exceed the host's memory.
 */
export async function generate(
  device: Device,
  architecture: Architecture,
  weights: { readonly parameters: GPUBuffer; readonly statistics: GPUBuffer },
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
  const { generator } = networksOf(architecture);
  const d = sizeOf(architecture.sample);
  const rows = Math.min(CHUNK, count);
  const all = hostFloats(count, d);
  const graph = new Graph();
  const latents = threefryNormal(graph, 'latents', [rows, architecture.latent], {
    key: [seed, STREAMS.samples],
    counter: { step: 'chunk' },
  });
  const tensors = parameterTensors(graph, generator.layout, 'parameters');
  const statistics = parameterTensors(graph, generator.statistics, 'statistics');
  const samples = applyStack(graph, generator.stack, tensors, latents, { by: 'statistics', statistics });
  const { recording, slot } = schedule(graph, targetOf(device), [samples]);
  using plan = await Plan.create(device, { chunk: recording }, { ...weights });
  for (let chunk = 0; chunk * rows < count; chunk++) {
    check();
    plan.run([{ phase: 'chunk', values: { chunk } }]);
    const made = Math.min(rows, count - chunk * rows);
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
