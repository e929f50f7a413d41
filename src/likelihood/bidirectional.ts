/**
 * Bidirectional Monte Carlo (Grosse, Ghahramani & Adams 2015): log f(y) between two estimates, of observations simulated from the
 * model, x ~ N(0, I), y ~ f(y | x):
 *   lower  log C + log mean_c w_c          of chains from the prior to the posterior, forward       E lower ≤ log f(y)
 *   upper  log C − log mean_c 1/w_c        of chains from x back to the prior, reverse              E upper ≥ log f(y)
 * The latent that an observation was simulated with is an exact draw from its posterior; no other draw is at hand for real data,
 * where there is therefore no upper estimate. What the gap is on simulated data it can be expected to be on data like them.
 */
import { dataset, sampleSize } from '../data/dataset.ts';
import type { Model } from '../gan/model.ts';
import { ResidentModel } from '../gan/resident-model.ts';
import { STREAMS } from '../gan/streams.ts';
import type { Device } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import { Plan } from '../gpu/plan.ts';
import type { Slot } from '../gpu/recording.ts';
import { targetOf } from '../gpu/target.ts';
import { Graph } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import { fill } from '../ops/fill.ts';
import { observationNoise } from '../ops/observation-noise.ts';
import { threefryNormal } from '../ops/threefry.ts';
import type { ChainSettings } from './anneal-chains.ts';
import { logMeanExp } from './anneal-estimates.ts';
import {
  type AnnealingOptions,
  type AnnealingScores,
  ForwardEnds,
  annealBlocks,
  chainSettings,
} from './annealing.ts';
import { type Interval, meanInterval } from './interval.ts';
import { mostRows } from './rows-at-a-time.ts';

export interface BidirectionalOptions extends AnnealingOptions {
  /** Observations to simulate. Default 20. */
  readonly count?: number;
}

/** Estimates per simulated observation, in nats on the model's pixel scale. */
export interface BidirectionalScores {
  /** At most log f(y) in expectation: the forward chains' estimates. */
  readonly lower: Float64Array;
  /** At least log f(y) in expectation. */
  readonly upper: Float64Array;
  /** upper − lower: in expectation at least what either is off. */
  readonly gap: Float64Array;
  /** 1 / Σ v², v the shares of 1/w: near 1 where the upper estimate hangs on a single chain. */
  readonly essUpper: Float64Array;
  /** Means over observations, with 95 % intervals for the mean over all that the model simulates. */
  readonly mean: { readonly lower: Interval; readonly upper: Interval; readonly gap: Interval };
  /** Everything of the forward chains. */
  readonly forward: AnnealingScores;
  /** y, [count, d], and the latents that they were simulated with, [count, r]. */
  readonly observations: Float32Array<ArrayBuffer>;
  readonly latents: Float32Array<ArrayBuffer>;
}

/**
 * Simulates observations from a model and puts log f(y) of each between a lower and an upper estimate, by annealed importance
 * sampling in both directions with the same frozen step sizes. It tells how tight `anneal` is with the same options, and says
 * nothing about data that are unlike what the model makes.
 * @throws UserError on options out of range, and on a model of the cosine cost for which no noise is stated.
 */
export async function bidirectional(
  device: Device,
  model: Model,
  options: BidirectionalOptions = {},
): Promise<BidirectionalScores> {
  const { count = 20, signal, onProgress } = options;
  if (!Number.isInteger(count) || count < 1)
    throw new UserError(`bidirectional: count is ${count}; must be a whole number of 1 or more`);
  const settings = chainSettings('bidirectional', model, options);
  const { chains, pilotChains } = settings;
  const { sample, latent: r } = model.configuration.settings.model;
  using resident = new ResidentModel(device, model);
  const { observations, latents } = await simulate(device, resident, count, settings);
  const set = dataset({ data: observations, shape: [count, ...sample], name: 'simulated' });
  const ends = new ForwardEnds(count, r, settings);
  const reverseWeights = new Float64Array(count * chains);
  const passes = { pilot: pilotChains, forward: chains, reverse: chains };
  await annealBlocks(
    device,
    resident,
    set,
    settings,
    passes,
    { signal, onProgress },
    async (block, row, hooksOf) => {
      await block.tune(hooksOf('pilot'));
      ends.add(row, block.images, await block.forward(hooksOf('forward')));
      const here = Math.min(block.images, count - row);
      const starts = new Float32Array(block.images * r);
      starts.set(latents.subarray(row * r, (row + here) * r));
      const weights = await block.reverse(starts, hooksOf('reverse'));
      reverseWeights.set(weights.subarray(0, here * chains), row * chains);
    },
  );
  const forward = ends.scores(set);
  const lower = forward.importance;
  const inverses = Array.from({ length: count }, (_, i) =>
    reverseWeights.subarray(i * chains, (i + 1) * chains).map((weight) => -weight),
  );
  const upper = Float64Array.from(inverses, (weights) => forward.logC - logMeanExp(weights));
  const gap = upper.map((value, i) => value - (lower[i] as number));
  return {
    lower,
    upper,
    gap,
    essUpper: Float64Array.from(inverses, (weights) => {
      const squares = weights.map((weight) => 2 * weight);
      return chains * Math.exp(2 * logMeanExp(weights) - logMeanExp(squares));
    }),
    mean: { lower: meanInterval(lower), upper: meanInterval(upper), gap: meanInterval(gap) },
    forward,
    observations,
    latents,
  };
}

/** Latents of the prior, [count, r], and an observation around the sample of each, [count, d]. */
async function simulate(
  device: Device,
  resident: ResidentModel,
  count: number,
  { seed, cost, lambda }: ChainSettings,
): Promise<{ observations: Float32Array<ArrayBuffer>; latents: Float32Array<ArrayBuffer> }> {
  const { sample, latent: r } = resident.model.configuration.settings.model;
  const d = sampleSize(sample);
  const counter = { step: 'part' };
  const recorded = (rows: number) => {
    const graph = new Graph();
    const drawn = threefryNormal(graph, 'simulated.latents', [rows, r], {
      key: [seed, STREAMS.bidirectionalLatents],
      counter,
    });
    const around = observationNoise(graph, fill(graph, [rows, d], 0), resident.generate(graph, drawn), {
      cost,
      lambda,
      key: [seed, STREAMS.bidirectionalNoise],
      counter,
    });
    const { recording, slot } = schedule(graph, targetOf(device), [drawn, around]);
    return { recording, slots: { latents: slot(drawn), observations: slot(around) } };
  };
  const rows = Math.min(
    count,
    mostRows(device, 1, (probe) => recorded(probe).recording),
  );
  const { recording, slots } = recorded(rows);
  using plan = await Plan.create(device, { part: recording }, resident.externals);
  const observations = new Float32Array(count * d);
  const latents = new Float32Array(count * r);
  const read = (slot: Slot, floats: number): Promise<Float32Array> => {
    const { buffer, offset } = plan.view(slot);
    return device.readFloats(buffer, offset, floats);
  };
  for (let row = 0, part = 0; row < count; row += rows, part++) {
    const here = Math.min(rows, count - row);
    plan.run([{ phase: 'part', values: { part } }]);
    latents.set(await read(slots.latents, here * r), row * r);
    observations.set(await read(slots.observations, here * d), row * d);
  }
  return { observations, latents };
}
