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
 * @param parameters the generator's flat parameter buffer.
 * @param seed the same seed gives the same latents, whatever the count.
 * @throws UserError where the count or the seed is no whole number.
 */
export async function generate(
  device: Device,
  architecture: Architecture,
  parameters: GPUBuffer,
  count: number,
  seed: number,
): Promise<Float32Array<ArrayBuffer>> {
  for (const [name, value, least] of [
    ['count', count, 1],
    ['seed', seed, 0],
  ] as const) {
    if (!Number.isInteger(value) || value < least || value > 0xffffffff)
      throw new UserError(`sample: ${name} is ${value}; must be a whole number of ${least} or more`);
  }
  const { generator } = networksOf(architecture);
  const d = sizeOf(architecture.sample);
  const rows = Math.min(CHUNK, count);
  const graph = new Graph();
  const latents = threefryNormal(graph, 'latents', [rows, architecture.latent], {
    key: [seed, STREAMS.samples],
    counter: { step: 'chunk' },
  });
  const tensors = parameterTensors(graph, generator.layout, 'parameters');
  const samples = applyStack(graph, generator.stack, tensors, latents);
  const { recording, slot } = schedule(graph, targetOf(device), [samples]);
  using plan = await Plan.create(device, { chunk: recording }, { parameters });
  const all = new Float32Array(count * d);
  for (let chunk = 0; chunk * rows < count; chunk++) {
    plan.run([{ phase: 'chunk', values: { chunk } }]);
    const made = Math.min(rows, count - chunk * rows);
    const view = plan.view(slot(samples));
    all.set(await device.readFloats(view.buffer, view.offset, made * d), chunk * rows * d);
  }
  return all;
}
