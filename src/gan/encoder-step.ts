/**
 * One step of an encoder's training as a graph, and its recording. G is frozen; the encoder climbs mean_i log mean_k exp s_ik.
 *   y   a batch of data, its last rows replaced by the model's own samples: G(x) + noise, x ~ N(0, I)
 *   x_k = μ(y) + T(y) ε_k, K latents for each y;  l(y, G(x_k)), the bounds and their gradient (ops/importance-bound.ts), backward
 *   to the encoder's weights, update
 */
import type { Recording } from '../gpu/recording.ts';
import type { Target } from '../gpu/target.ts';
import { Graph, type Tensor, sizeOf } from '../graph/graph.ts';
import { backward } from '../graph/backward.ts';
import { schedule } from '../graph/schedule.ts';
import { applyStack, parameterTensors } from '../nn/layers.ts';
import { gatherBatch } from '../ops/gather.ts';
import { gaussianProposal } from '../ops/gaussian-proposal.ts';
import { IMPORTANCE_SCALARS, importanceBound } from '../ops/importance-bound.ts';
import { observationNoise } from '../ops/observation-noise.ts';
import { optimiserStateBytes, optimiserStep } from '../ops/optimiser.ts';
import { addGradients } from '../ops/product.ts';
import { rowCost } from '../ops/row-cost.ts';
import { threefryNormal } from '../ops/threefry.ts';
import type { EncoderNetwork } from './encoder.ts';
import type { EncoderTraining } from './model.ts';
import type { ResidentData } from './resident-data.ts';
import type { ResidentModel } from './resident-model.ts';
import { STREAMS } from './streams.ts';

/** How many of a batch are the model's own samples. */
export function simulatedOf({ batch, simulated }: Pick<EncoderTraining, 'batch' | 'simulated'>): number {
  return Math.round(simulated * batch);
}

/** The sizes in bytes of the buffers of a training run, by the names that its recording uses. */
export function encoderBuffers(
  { layout }: EncoderNetwork,
  { optimiser }: Pick<EncoderTraining, 'optimiser'>,
): Readonly<Record<string, number>> {
  const { moments, count } = optimiserStateBytes(optimiser, layout.bytes / 4);
  return {
    'encoder.parameters': layout.bytes,
    'encoder.average': layout.bytes,
    'encoder.gradients': layout.bytes,
    'encoder.moments': moments,
    'encoder.count': count,
    scalars: IMPORTANCE_SCALARS * 4,
    guard: 16,
  };
}

/** A step over those buffers, `data` and the model's. Step params: draw, epoch, offset, restart, averageDecay, enabled. */
export function encoderStep(
  resident: ResidentModel,
  network: EncoderNetwork,
  training: EncoderTraining,
  data: ResidentData,
  target: Target,
): Recording {
  const { cost, lambda, batch, samples, optimiser, seed } = training;
  const { sample, latent } = resident.model.configuration.settings.model;
  const simulated = simulatedOf(training);
  const graph = new Graph();
  const flat = (name: string, bytes: number, type: 'f32' | 'u32' = 'f32'): Tensor =>
    graph.external(name, [bytes / 4], { buffer: name, offset: 0 }, type);
  const draw = { step: 'draw' };
  const gathered = gatherBatch(graph, {
    data: flat('data', data.words * 4, data.kind === 'bytes' ? 'u32' : 'f32'),
    kind: data.kind,
    count: data.count,
    scale: data.scale,
    batch,
    size: sizeOf(sample),
    key: [seed, STREAMS.encoderBatches],
    epoch: { step: 'epoch' },
    offset: { step: 'offset' },
  });
  const observations = simulated > 0 ? withSimulated(gathered) : gathered;

  function withSimulated(others: Tensor): Tensor {
    const latents = threefryNormal(graph, 'simulated latents', [simulated, latent], {
      key: [seed, STREAMS.simulatedLatents],
      counter: draw,
    });
    return observationNoise(graph, others, resident.generate(graph, latents), {
      cost,
      lambda,
      key: [seed, STREAMS.simulatedNoise],
      counter: draw,
    });
  }

  const weights = parameterTensors(graph, network.layout, 'encoder.parameters');
  const proposals = applyStack(graph, network.stack, weights, observations);
  const noise = threefryNormal(graph, 'noise', [batch * samples, latent], {
    key: [seed, STREAMS.encoderProposals],
    counter: draw,
  });
  const { latents, logQ } = gaussianProposal(graph, proposals, noise);
  const costs = rowCost(graph, observations, resident.generate(graph, latents), cost);
  const guard = flat('guard', 4, 'u32');
  const bound = importanceBound(graph, {
    cost: costs,
    latents,
    logQ,
    proposals,
    noise,
    lambda,
    simulated,
    guard,
    scalars: flat('scalars', IMPORTANCE_SCALARS * 4),
    restart: { step: 'restart' },
  });
  const seeds = [
    [costs, bound.gradCost],
    [latents, bound.gradLatents],
  ] as const;
  const gradients = backward(graph, seeds, [...weights.values()], addGradients);
  network.layout.parameters.forEach(({ name, offset }, i) => {
    const gradient = gradients[i];
    if (!gradient) throw new Error(`encoder: ${name} has no gradient`);
    graph.place(gradient, { buffer: 'encoder.gradients', offset });
  });
  const sizes = encoderBuffers(network, training);
  const own = (name: string, type: 'f32' | 'u32' = 'f32'): Tensor => flat(name, sizes[name] as number, type);
  optimiserStep(graph, optimiser, {
    parameters: own('encoder.parameters'),
    gradients: own('encoder.gradients'),
    moments: own('encoder.moments'),
    count: own('encoder.count', 'u32'),
    average: own('encoder.average'),
    averageDecay: { step: 'averageDecay' },
    guard,
    scalars: bound.scalars,
    enabled: { step: 'enabled' },
  });
  return schedule(graph, target).recording;
}
