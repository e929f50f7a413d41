/**
 * Makes a generator with batch norms a fixed function: the statistics of every layer over one fixed bank of latents, the
 * same for all models. (The published code scores with the statistics of the batch, so that its G depends on the rest of
 * the batch.) Running averages would belong to the weights of the last steps, not to their moving average, which is the
 * model; these are the model's own.
 */
import type { Device } from '../gpu/device.ts';
import { Plan } from '../gpu/plan.ts';
import { targetOf } from '../gpu/target.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import { type Architecture, networksOf } from '../nn/architectures.ts';
import { applyStack, parameterTensors } from '../nn/layers.ts';
import { threefryNormal } from '../ops/threefry.ts';
import type { Weights } from './model.ts';
import { STREAMS } from './streams.ts';
import { flatten, unflatten } from './weights.ts';

/** Latents in the bank: the statistics of a layer of [h, w, c] are over 512·h·w values a channel. */
const BANK = 512;

/**
 * Writes mean and variance for every batch norm of a generator into the flat buffer of its statistics; does nothing where it
 * has none.
 * @param buffers the generator's parameters, and `statistics` of its layout's size.
 */
export async function freeze(
  device: Device,
  architecture: Architecture,
  buffers: { readonly parameters: GPUBuffer; readonly statistics: GPUBuffer },
): Promise<void> {
  const { stack, layout, statistics } = networksOf(architecture).generator;
  if (statistics.parameters.length === 0) return;
  const graph = new Graph();
  const latents = threefryNormal(graph, 'latents', [BANK, architecture.latent], {
    key: [0, STREAMS.statistics],
    counter: 0,
  });
  const measured = new Map<string, Tensor>();
  applyStack(graph, stack, parameterTensors(graph, layout, 'parameters'), latents, { by: 'batch', measured });
  for (const { name, offset } of statistics.parameters)
    graph.place(measured.get(name) as Tensor, { buffer: 'statistics', offset });
  const { recording } = schedule(graph, targetOf(device));
  using plan = await Plan.create(device, { freeze: recording }, { ...buffers });
  plan.run([{ phase: 'freeze', values: {} }]);
}

/** Mean and variance for every batch norm of the generator with these weights; empty where it has none. */
export async function frozenStatistics(
  device: Device,
  architecture: Architecture,
  weights: Weights,
): Promise<Weights> {
  const { layout, statistics } = networksOf(architecture).generator;
  if (statistics.parameters.length === 0) return new Map();
  using parameters = device.storageOf('parameters', flatten(layout, weights));
  using frozen = device.storage('statistics', statistics.bytes);
  await freeze(device, architecture, { parameters: parameters.buffer, statistics: frozen.buffer });
  return unflatten(statistics, await device.readFloats(frozen.buffer, 0, statistics.bytes / 4));
}
