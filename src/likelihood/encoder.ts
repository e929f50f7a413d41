/** Proposals from a model's encoder: one pass of a network an image, the fast way to latents that fit it. */
import { rows as rowsOf } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { Plan } from '../gpu/plan.ts';
import { targetOf } from '../gpu/target.ts';
import { Graph, type Tensor, sizeOf } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import type { Model } from '../gan/model.ts';
import { ResidentModel } from '../gan/resident-model.ts';
import { proposalWidth } from '../ops/gaussian-proposal.ts';
import { type Images, imagesFor } from './images.ts';
import { mostRows } from './rows-at-a-time.ts';

/** Images taken at a time at most: enough to fill a device. */
const CHUNK = 256;

/**
 * The Gaussian proposal q(x | y) = N(μ, TTᵀ) of the latents of each image: [N, proposalWidth(r)], μ and then the rows of T up to
 * the diagonal, which holds log T_ii. Latents drawn from it, with their log q, give lower bounds of log f(y) under any noise; the
 * nearer the noise is to the one that the encoder was trained for (`model.encoder.training`), the tighter.
 * @param images a data set, or values [N, ...sample] on the model's pixel scale.
 * @param options `check` is called before each piece of work, and throws where it should stop.
 * @throws UserError where the model has no encoder, or the images do not fit it or hold values that are not finite.
 */
export async function encodeProposals(
  device: Device,
  model: Model | ResidentModel,
  images: Images,
  { check }: { readonly check?: () => void } = {},
): Promise<Float32Array<ArrayBuffer>> {
  if (!(model instanceof ResidentModel)) {
    using resident = new ResidentModel(device, model);
    return await encodeProposals(device, resident, images, { ...(check && { check }) });
  }
  const set = imagesFor('encoder', model.model, images);
  const { sample, latent } = model.model.configuration.settings.model;
  const d = sizeOf(sample);
  const width = proposalWidth(latent);
  const encode = (count: number): { graph: Graph; proposals: Tensor } => {
    const graph = new Graph();
    const observations = graph.external('images', [count, d], { buffer: 'images', offset: 0 });
    return { graph, proposals: model.encode(graph, observations) };
  };
  const target = targetOf(device);
  const most = mostRows(device, 1, (count) => schedule(encode(count).graph, target).recording);
  const rows = Math.min(CHUNK, most, set.count);
  const { graph, proposals } = encode(rows);
  const { recording, slot } = schedule(graph, target, [proposals]);
  using buffer = device.storage('images', rows * d * 4);
  const externals = { ...model.externals, images: buffer.buffer };
  using plan = await Plan.create(device, { encode: recording }, externals, { phasesPerRun: 1 });
  const all = new Float32Array(set.count * width);
  for (let row = 0; row < set.count; row += rows) {
    check?.();
    const count = Math.min(rows, set.count - row);
    device.upload(buffer.buffer, 0, rowsOf(set, row, count));
    plan.run([{ phase: 'encode' }]);
    const view = plan.view(slot(proposals));
    all.set(await device.readFloats(view.buffer, view.offset, count * width), row * width);
  }
  return all;
}
