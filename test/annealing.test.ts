/**
 * Annealed importance sampling: its schedule, its estimates, one transition against a float64 twin, invariance, and estimates and
 * bounds against exact likelihoods of linear generators and quadrature.
 */
import { Matrix, inverse } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import type { Model } from '../src/gan/model.ts';
import { ResidentModel } from '../src/gan/resident-model.ts';
import type { Device, OwnedBuffer } from '../src/gpu/device.ts';
import { UserError } from '../src/gpu/errors.ts';
import { Plan } from '../src/gpu/plan.ts';
import { targetOf } from '../src/gpu/target.ts';
import { backward } from '../src/graph/backward.ts';
import { Graph, type Tensor } from '../src/graph/graph.ts';
import { schedule } from '../src/graph/schedule.ts';
import { annealingEstimates, logMeanExp } from '../src/likelihood/anneal-estimates.ts';
import { smoothed, stepScale, temperatures } from '../src/likelihood/anneal-schedule.ts';
import { type AnnealingScores, anneal } from '../src/likelihood/annealing.ts';
import { bidirectional } from '../src/likelihood/bidirectional.ts';
import { type LinearGaussian, logDensities } from '../src/likelihood/linear-gaussian.ts';
import { logNormaliser } from '../src/likelihood/log-normaliser.ts';
import { mlp, networksOf } from '../src/nn/architectures.ts';
import { fill } from '../src/ops/fill.ts';
import { type ChainPlace, hmcTransition } from '../src/ops/hmc.ts';
import type { LikelihoodCost } from '../src/ops/log-likelihood.ts';
import { addGradients } from '../src/ops/product.ts';
import { rowCost } from '../src/ops/row-cost.ts';
import { threefryNormal, threefryUniform } from '../src/ops/threefry.ts';
import * as hmc from './reference/hmc.ts';
import * as rowCosts from './reference/row-cost.ts';
import { describeGpu } from './support/device.ts';
import { drawn, randomLinear, untrained } from './support/models.ts';
import { filled, randomOf } from './support/random.ts';
import * as stackTwin from './support/stack-twin.ts';

describe('the schedule', () => {
  it('rises from 0 to 1, alike from both ends, by the sigmoid', () => {
    const betas = temperatures(10);
    expect([betas[0], betas[10]]).toEqual([0, 1]);
    const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
    for (let t = 1; t <= 10; t++) {
      expect(betas[t]!).toBeGreaterThan(betas[t - 1]!);
      expect(betas[t]! + betas[10 - t]!).toBeCloseTo(1, 14);
      const plain = sigmoid(4 * ((2 * t) / 10 - 1));
      expect(betas[t]!).toBeCloseTo((plain - sigmoid(-4)) / (sigmoid(4) - sigmoid(-4)), 14);
    }
  });

  it('scales step sizes about 1, no two neighbours alike', () => {
    const scales = Array.from({ length: 1000 }, (_, i) => stepScale(i + 1));
    expect(Math.min(...scales)).toBeGreaterThanOrEqual(0.8);
    expect(Math.max(...scales)).toBeLessThanOrEqual(1.2);
    expect(scales.reduce((a, b) => a + b) / 1000).toBeCloseTo(1, 2);
    for (let i = 1; i < 1000; i++) expect(Math.abs(scales[i]! - scales[i - 1]!)).toBeGreaterThan(0.1);
  });

  it('smooths the step sizes of each image by itself: geometric means over neighbours', () => {
    const count = 80; // two neighbours on each side
    const sizes = Float32Array.from({ length: 2 * count }, (_, i) =>
      i % 2 === 0 ? 0.25 : 2 ** (Math.floor(i / 2) % 5),
    );
    const result = smoothed(sizes, 2);
    for (let t = 0; t < count; t++) expect(result[2 * t]).toBeCloseTo(0.25, 6);
    for (let t = 2; t < count - 2; t++) expect(result[2 * t + 1]).toBeCloseTo(4, 5); // all of 1, 2, 4, 8, 16
    expect(result[1]).toBeCloseTo(2, 6); // of 1, 2, 4
  });
});

describe('the estimates of chains', () => {
  const { normal, uniform } = randomOf(11);
  const [n, chains, d, r] = [3, 16, 4, 2];
  const options = { chains, d, r, cost: 'l1', lambda: 0.5 } as const;
  const ends = {
    logWeights: Float64Array.from({ length: n * chains }, () => -700 + 2 * normal()),
    costs: Float64Array.from({ length: n * chains }, () => 3 * uniform()),
    halfNorms: Float64Array.from({ length: n * chains }, () => 2 * uniform()),
  };

  it('are means of the weights and of what is weighed', () => {
    const found = annealingEstimates(ends, options);
    expect(found.logC).toBe(logNormaliser('l1', d, 0.5));
    for (let i = 0; i < n; i++) {
      const at = i * chains;
      const weights = Array.from(ends.logWeights.subarray(at, at + chains), (w) => Math.exp(w + 700));
      const sum = weights.reduce((a, b) => a + b);
      const shares = weights.map((w) => w / sum);
      const mean = (values: Float64Array): number => shares.reduce((m, v, c) => m + v * values[at + c]!, 0);
      expect(found.importance[i]).toBeCloseTo(found.logC - 700 + Math.log(sum / chains), 9);
      expect(found.essImportance[i]).toBeCloseTo(1 / shares.reduce((q, v) => q + v * v, 0), 9);
      expect(found.maxWeightImportance[i]).toBeCloseTo(Math.max(...shares), 12);
      expect(found.components.distance[i]).toBeCloseTo(-2 * mean(ends.costs), 9);
      expect(found.components.latent[i]).toBeCloseTo(-mean(ends.halfNorms) - Math.log(2 * Math.PI), 9);
    }
  });

  it('have components that add up, and the spread between eight groups of chains', () => {
    const { logC, importance, components, ...found } = annealingEstimates(ends, options);
    importance.forEach((value, i) =>
      expect(logC + components.distance[i]! + components.latent[i]! + components.couplingEntropy[i]!).toBe(
        value,
      ),
    );
    expect(found.importanceWithoutBank.length).toBe(8);
    const kept = Array.from(ends.logWeights.subarray(chains, 2 * chains)).filter((_, c) => c < 6 || c > 7);
    expect(found.importanceWithoutBank[3]![1]).toBeCloseTo(logC + logMeanExp(kept), 9);
    const left = found.importanceWithoutBank.map((bank) => bank[2]!);
    const middle = left.reduce((a, b) => a + b) / 8;
    const squares = left.reduce((sum, value) => sum + (value - middle) ** 2, 0);
    expect(found.standardError[2]).toBeCloseTo(Math.sqrt((7 / 8) * squares), 12);
    expect(found.paretoK.every(Number.isNaN)).toBe(true); // of 16 weights there is no tail to fit
  });

  it('refuse weights that are not finite', () => {
    const logWeights = ends.logWeights.map((w, c) => (c === chains + 3 ? Number.NaN : w));
    expect(() => annealingEstimates({ ...ends, logWeights }, options)).toThrow(
      /sample 1 is NaN.*lambda = 0\.5/,
    );
  });
});

let device: Device;

/** Values of GPU memory by name. */
type Values = Record<string, Float32Array<ArrayBuffer>>;

/** Runs what `build` emits over external memory of the given values, `times` over, and reads it back. */
async function runInPlace(
  inputs: Readonly<Record<string, { data: Float32Array<ArrayBuffer>; shape: readonly number[] }>>,
  more: Readonly<Record<string, GPUBuffer>>,
  times: number,
  build: (graph: Graph, tensors: Readonly<Record<string, Tensor>>) => void,
): Promise<Values> {
  const graph = new Graph();
  const owned: Record<string, OwnedBuffer> = {};
  const tensors: Record<string, Tensor> = {};
  for (const [name, { data, shape }] of Object.entries(inputs)) {
    owned[name] = device.storageOf(name, data);
    tensors[name] = graph.external(name, shape, { buffer: name, offset: 0 });
  }
  build(graph, tensors);
  const externals = Object.fromEntries(Object.entries(owned).map(([name, { buffer }]) => [name, buffer]));
  const { recording } = schedule(graph, targetOf(device));
  using plan = await Plan.create(device, { once: recording }, { ...externals, ...more });
  for (let time = 0; time < times; time++)
    plan.run([{ phase: 'once', values: { time, anew: Number(time === 0), fresh: Number(time === 0) } }]);
  const values: Values = {};
  for (const [name, { data }] of Object.entries(inputs))
    values[name] = await device.readFloats(externals[name]!, 0, data.length);
  for (const buffer of Object.values(owned)) buffer.dispose();
  return values;
}

/** Cost and gradient of chains of `group` for each observation, with G as `generate` emits it. */
function evaluator(
  graph: Graph,
  observations: Tensor,
  generate: (positions: Tensor) => Tensor,
  cost: LikelihoodCost,
) {
  return (positions: Tensor): Omit<ChainPlace, 'positions'> => {
    const costs = rowCost(graph, observations, generate(positions), cost);
    const [gradients] = backward(graph, [[costs, fill(graph, costs.shape, 1)]], [positions], addGradients);
    return { costs, gradients: gradients! };
  };
}

describeGpu('annealing', (opened) => {
  device = opened;

  it('makes the transition that its float64 twin makes, through a network', async () => {
    const { normal, uniform } = randomOf(21);
    const architecture = mlp({ sample: [6], latent: 3, hidden: [8] });
    const model = untrained(architecture, { seed: 3, scale: 2 });
    const [images, group, r, d] = [2, 3, 3, 6];
    const rows = images * group;
    const values = { first: images, scale: 1.125, strength: 40, anew: false, rate: 2, increment: 0.125 };
    const { stack } = networksOf(architecture).generator;
    const weights = new Map([...model.generator].map(([name, { data }]) => [name, Float64Array.from(data)]));
    const observations = filled(images * d, uniform);
    const evaluate = (positions: Float64Array) => {
      const passed = stackTwin.forward(stack, weights, positions);
      const sizes = { rows, columns: d, group, cost: 'half-squared' as const };
      const exactly = (x: number): number => x;
      const ones = new Float64Array(rows).fill(1);
      const dg = rowCosts.rowCostGradient(sizes, observations, passed.output, ones, exactly);
      return {
        costs: rowCosts.rowCost(sizes, observations, passed.output, exactly),
        gradients: stackTwin.backward(stack, weights, passed, dg, new Map()),
      };
    };
    const positions = filled(rows * r, normal);
    const start = evaluate(Float64Array.from(positions));
    const matrix = (data: Float32Array<ArrayBuffer>) => ({ data, shape: [rows, r] });
    const vector = (data: Float32Array<ArrayBuffer>) => ({ data, shape: [rows] });
    const inputs = {
      positions: matrix(positions),
      momenta: matrix(filled(rows * r, normal)),
      gradients: matrix(Float32Array.from(start.gradients)),
      costs: vector(Float32Array.from(start.costs)),
      weights: vector(filled(rows, normal)),
      noise: matrix(filled(rows * r, normal)),
      uniforms: vector(filled(rows, () => 1 - uniform())),
      stepSizes: { data: filled(2 * images, () => 0.2 + 0.2 * uniform()), shape: [2, images] },
      observations: { data: observations, shape: [images, d] },
      outcomes: { data: new Float32Array(2 * rows), shape: [rows, 2] },
    };

    const of = (name: keyof typeof inputs): Float64Array => Float64Array.from(inputs[name].data);
    const twin = { ...start, positions: of('positions'), momenta: of('momenta'), weights: of('weights') };
    const exactly = (x: number): number => x;
    const sizes = of('stepSizes');
    hmc.refresh({ r, group, ...values }, twin.momenta, of('noise'), sizes, exactly);
    const ends = (kick: number, drift: number) => ({ r, group, ...values, kick, drift });
    let point = { positions: twin.positions, momenta: twin.momenta, ...start };
    for (const kick of [0.5, 1]) {
      const { positions: x, momenta: p, gradients: g } = point;
      const moved = hmc.leapfrog(ends(kick, 1), x, p, g, sizes, exactly);
      point = { ...moved, ...evaluate(moved.positions) };
    }
    const { positions: x, momenta: p, gradients: g } = point;
    point = { ...point, ...hmc.leapfrog(ends(0.5, 0), x, p, g, sizes, exactly) };
    const outcomes = hmc.accept(values.strength, twin, point, of('uniforms'), exactly);
    hmc.weigh(twin, point.costs, outcomes, { increment: values.increment, fresh: false }, exactly);
    hmc.select(twin, point, outcomes);

    using resident = new ResidentModel(device, model);
    const found = await runInPlace(inputs, resident.externals, 1, (graph, t) => {
      const chains = t as Record<keyof typeof inputs, Tensor>;
      const generate = (at: Tensor): Tensor => resident.generate(graph, at);
      const made = hmcTransition(
        graph,
        chains,
        evaluator(graph, chains.observations, generate, 'half-squared'),
        {
          stepSizes: chains.stepSizes,
          first: values.first,
          scale: values.scale,
          leapfrogSteps: 2,
          strength: values.strength,
          noise: chains.noise,
          uniforms: chains.uniforms,
          refreshment: { first: values.first, rate: values.rate, anew: 0 },
          weighing: { increment: values.increment, fresh: 0 },
        },
      );
      graph.place(made, { buffer: 'outcomes', offset: 0 });
    });

    const taken = outcomes.filter((_, i) => i % 2 === 1);
    expect(new Set(taken)).toEqual(new Set([0, 1])); // some are, some are not
    for (const [name, exact] of Object.entries({ ...twin, outcomes })) {
      const largest = Math.max(...exact.map(Math.abs));
      exact.forEach((value, i) =>
        expect(Math.abs(found[name]![i]! - value), `${name}[${i}]`).toBeLessThan(1e-5 * largest),
      );
    }
  });

  it('leaves the posterior as it is, momenta too, at steps so large that a third is refused', async () => {
    const { normal } = randomOf(22);
    const rows = 32768;
    const y = [1.5, -0.5];
    const strength = 3; // with the prior, precision 4 about 3y/4
    const positions = filled(2 * rows, (i) => 0.75 * y[i % 2]! + 0.5 * normal());
    const chains = {
      positions: { data: positions, shape: [rows, 2] },
      momenta: { data: new Float32Array(2 * rows), shape: [rows, 2] },
      gradients: { data: positions.map((x, i) => x - y[i % 2]!), shape: [rows, 2] },
      costs: {
        data: filled(rows, (row) =>
          [0, 1].reduce((sum, i) => sum + 0.5 * (positions[2 * row + i]! - y[i]!) ** 2, 0),
        ),
        shape: [rows],
      },
      weights: { data: new Float32Array(rows), shape: [rows] },
      stepSizes: { data: Float32Array.of(0.8), shape: [1, 1] },
      observations: { data: Float32Array.from(y), shape: [1, 2] },
      outcomes: { data: new Float32Array(2 * rows), shape: [rows, 2] },
    };
    const after = await runInPlace(chains, {}, 12, (graph, t) => {
      const source = (stream: number) => ({ key: [5, stream] as const, counter: { step: 'time' } });
      const made = hmcTransition(
        graph,
        t as Record<keyof typeof chains, Tensor>,
        evaluator(graph, t['observations']!, (at) => at, 'half-squared'),
        {
          stepSizes: t['stepSizes']!,
          first: 0,
          scale: 1,
          leapfrogSteps: 1,
          strength,
          noise: threefryNormal(graph, 'noise', [rows, 2], source(1)),
          uniforms: threefryUniform(graph, 'uniforms', [rows], source(2)),
          refreshment: { first: 0, rate: 0.2, anew: { step: 'anew' } },
          weighing: { increment: 0.25, fresh: { step: 'fresh' } },
        },
      );
      graph.place(made, { buffer: 'outcomes', offset: 0 });
    });
    const refused = 1 - after['outcomes']!.reduce((sum, value, i) => sum + (i % 2) * value, 0) / rows;
    expect(refused).toBeGreaterThan(0.2);
    expect(refused).toBeLessThan(0.5);
    for (const i of [0, 1]) {
      const ofDimension = (name: string): Float32Array => after[name]!.filter((_, at) => at % 2 === i);
      const x = ofDimension('positions');
      const still = x.filter((value, row) => value === positions[2 * row + i]).length / rows;
      expect(still).toBeLessThan(0.05);
      expectMoments(x, 0.75 * y[i]!, 0.25);
      expectMoments(ofDimension('momenta'), 0, 1);
    }
    // Twelve weighings of E l = ½·Σ (y/4)² + ½·2·¼ each.
    const cost = 0.5 * (y[0]! ** 2 + y[1]! ** 2) * 0.0625 + 0.25;
    const mean = after['weights']!.reduce((a, b) => a + b) / rows;
    expect(Math.abs(mean + 3 * cost)).toBeLessThan(0.04);
  });

  describe.each(['half-squared', 'squared'] as const)('a linear generator with the cost %s', (cost) => {
    const { model, law } = randomLinear({ d: 5, r: 5, lambda: 0.5, cost }, 4);
    const images = { data: drawn(law, 2), shape: [2, 5] };
    let scores: AnnealingScores;

    it('has estimates within 0.1 nat of the exact ones', async () => {
      scores = await anneal(device, model, images, { chains: 512, steps: 200, seed: 1 });
      const exact = logDensities(law, images.data);
      scores.importance.forEach((value, i) => {
        expect(Math.abs(value - exact[i]!)).toBeLessThan(0.1);
        expect(Math.abs(value - exact[i]!)).toBeLessThan(4.5 * scores.standardError[i]!);
      });
      expect(scores.verdict.every(({ tight }) => tight)).toBe(true);
      expect(Math.max(...scores.paretoK)).toBeLessThan(0.7);
    });

    it('has the components of its posterior', () => {
      scores.essImportance.forEach((ess, i) => {
        // Both are halves of about five squares, with a variance of 5/2 or less.
        const allowed = 4.5 * Math.sqrt(5 / 2 / ess);
        const { latent, distance } = posteriorMeans(law, images.data.subarray(5 * i, 5 * i + 5));
        expect(Math.abs(scores.components.latent[i]! - latent)).toBeLessThan(allowed);
        expect(Math.abs(scores.components.distance[i]! - distance)).toBeLessThan(allowed);
      });
    });

    it('is accepted about as often as it was told to be', () => {
      const late = scores.acceptanceOfStep.subarray(100);
      expect(Math.abs(late.reduce((a, b) => a + b) / late.length - 0.8)).toBeLessThan(0.05);
      const images = scores.acceptance.reduce((a, b) => a + b) / scores.acceptance.length;
      const steps = scores.acceptanceOfStep.reduce((a, b) => a + b) / scores.acceptanceOfStep.length;
      expect(images).toBeCloseTo(steps, 10);
    });
  });

  it('has unbiased weights, however few the temperatures', async () => {
    const { model, law } = randomLinear({ d: 3, r: 3, lambda: 0.5 }, 5);
    const images = { data: drawn(law, 24), shape: [24, 3] };
    const { importance } = await anneal(device, model, images, { chains: 64, steps: 12, seed: 2 });
    const exact = logDensities(law, images.data);
    const ratios = importance.map((value, i) => Math.exp(value - exact[i]!));
    const mean = ratios.reduce((a, b) => a + b) / 24;
    const error = Math.sqrt(ratios.reduce((sum, ratio) => sum + (ratio - mean) ** 2, 0) / 23 / 24);
    expect(error).toBeLessThan(0.15);
    expect(Math.abs(mean - 1)).toBeLessThan(4.5 * error);
  });

  it('agrees with quadrature for the cost l1', async () => {
    const { model, law } = randomLinear({ d: 3, r: 1, lambda: 0.7, cost: 'l1' }, 6);
    const images = { data: filled(6, randomOf(7).normal), shape: [2, 3] };
    const scores = await anneal(device, model, images, { chains: 256, steps: 40, seed: 3 });
    scores.importance.forEach((value, i) => {
      let sum = 0;
      for (let x = -12; x <= 12; x += 1e-3) {
        let exponent = -0.5 * x * x;
        for (let p = 0; p < 3; p++)
          exponent -= Math.abs(images.data[3 * i + p]! - law.generator[p]! * x - law.bias[p]!) / 0.7;
        sum += 1e-3 * Math.exp(exponent);
      }
      const exact = Math.log(sum) - 0.5 * Math.log(2 * Math.PI) - 3 * Math.log(1.4);
      expect(Math.abs(value - exact)).toBeLessThan(0.1);
      expect(Math.abs(value - exact)).toBeLessThan(4.5 * scores.standardError[i]!);
    });
  });

  it('takes images in blocks where the networks are large', async () => {
    const [d, r] = [1024, 512];
    const { model, law } = randomLinear({ d, r, lambda: 4, spread: 0.01 }, 8);
    const data = drawn(law, 2);
    const done: number[] = [];
    const options = { chains: 256, steps: 2, onProgress: (share: number) => done.push(share) };
    const scores = await anneal(device, model, { data, shape: [2, d] }, options);
    const exact = logDensities(law, data);
    scores.importance.forEach((value, i) =>
      expect(Math.abs(value - exact[i]!)).toBeLessThan(4.5 * scores.standardError[i]!),
    );
    expect(done.filter((share) => share === 0.5)).toHaveLength(1); // the end of the first of two blocks
    expect(done.at(-1)).toBe(1);
    expect(done.every((share, i) => i === 0 || share > done[i - 1]!)).toBe(true);
    const second = await anneal(device, model, { data: data.subarray(d), shape: [1, d] }, options);
    expect(second.importance[0]).not.toBe(scores.importance[1]); // whose random numbers are another block's
    const both = Math.hypot(second.standardError[0]!, scores.standardError[1]!);
    expect(Math.abs(second.importance[0]! - scores.importance[1]!)).toBeLessThan(4.5 * both);
  });

  describe('bidirectional', () => {
    it('sandwiches the exact log-likelihoods of a linear model', async () => {
      const { model, law } = randomLinear({ d: 4, r: 3, lambda: 0.3 }, 9);
      const options = { count: 12, chains: 64, steps: 100, seed: 4 };
      const { lower, upper, gap, mean, forward, observations, latents, essUpper } = await bidirectional(
        device,
        model,
        options,
      );
      const exact = logDensities(law, observations);
      const meanOf = (values: Float64Array): number => values.reduce((a, b) => a + b) / values.length;
      const errorOf = (differences: Float64Array): number => {
        const middle = meanOf(differences);
        const squares = differences.reduce((sum, x) => sum + (x - middle) ** 2, 0);
        return Math.sqrt(squares / (differences.length - 1) / differences.length);
      };
      const below = lower.map((value, i) => exact[i]! - value);
      const above = upper.map((value, i) => value - exact[i]!);
      expect(meanOf(below)).toBeGreaterThan(-4.5 * errorOf(below));
      expect(meanOf(above)).toBeGreaterThan(-4.5 * errorOf(above));
      expect(Math.abs(meanOf(gap))).toBeLessThan(0.3);
      expect(Math.max(...above.map(Math.abs), ...below.map(Math.abs))).toBeLessThan(1);
      gap.forEach((value, i) => expect(value).toBe(upper[i]! - lower[i]!));
      expect(mean.lower.value).toBeCloseTo(meanOf(lower), 12);
      expect(mean.upper.value).toBeCloseTo(meanOf(upper), 12);
      expect(mean.gap.low).toBeLessThan(mean.gap.value);
      expect(Math.min(...essUpper)).toBeGreaterThan(4);
      expect(Math.max(...essUpper)).toBeLessThanOrEqual(64 + 1e-9);
      // The forward chains are those of `anneal` on the same observations.
      const again = await anneal(device, model, { data: observations, shape: [12, 4] }, { ...options });
      expect(again.importance).toEqual(forward.importance);
      expect(latents).toHaveLength(12 * 3);
    });

    it('is less than half a nat wide for a small network', async () => {
      const model = untrained(mlp({ sample: [8], latent: 2, hidden: [16] }), {
        lambda: 0.02,
        seed: 6,
        scale: 3,
      });
      const { gap } = await bidirectional(device, model, { count: 6, chains: 32, steps: 100, seed: 5 });
      expect(Math.abs(gap.reduce((a, b) => a + b) / 6)).toBeLessThan(0.5);
    });

    it.each([
      ['half-squared', 0.5, (e: number) => e * e],
      ['squared', 0.25, (e: number) => e * e],
      ['l1', 0.5, Math.abs],
    ] as const)('simulates with the noise of the cost %s', async (cost, expected, of) => {
      const [d, r, count] = [300, 1, 4];
      const { model, law } = randomLinear({ d, r, lambda: 0.5, cost }, 10);
      const options = { count, chains: 1, steps: 2, seed: 6 };
      const { observations, latents } = await bidirectional(device, model, options);
      const sizes = Array.from(observations, (y, at) => {
        const p = at % d;
        return of(y - law.generator[p]! * latents[Math.floor(at / d)]! - law.bias[p]!);
      });
      const mean = sizes.reduce((a, b) => a + b) / sizes.length;
      const spread = Math.sqrt(sizes.reduce((sum, x) => sum + (x - mean) ** 2, 0) / sizes.length);
      expect(Math.abs(mean - expected)).toBeLessThan((4.5 * spread) / Math.sqrt(sizes.length));
      expect(new Set(latents).size).toBe(count);
    });
  });

  describe('at its boundary', () => {
    const { model, law } = randomLinear({ d: 4, r: 3, lambda: 0.3 }, 9);
    const images = { data: drawn(law, 2), shape: [2, 4] };
    const few = { chains: 8, steps: 6 };

    it('gives the same bits for the same seed, others for another', async () => {
      const [once, again, other] = [
        await anneal(device, model, images, few),
        await anneal(device, model, images, { ...few, seed: 0 }),
        await anneal(device, model, images, { ...few, seed: 1 }),
      ];
      expect(again).toEqual(once);
      expect(other.importance).not.toEqual(once.importance);
      expect(once).toMatchObject({
        ...few,
        leapfrogSteps: 1,
        lambda: 0.3,
        cost: 'half-squared',
        dimensions: 4,
      });
      expect([once.acceptanceOfStep.length, once.stepSizes.length, once.acceptance.length]).toEqual([
        5, 5, 2,
      ]);
      once.certificate.forEach((value, i) => expect(value).toBe(once.importance[i]! + Math.log(0.05)));
      once.bitsPerDim.forEach((value, i) =>
        expect(value).toBeCloseTo(-once.importance[i]! / (4 * Math.LN2), 12),
      );
    });

    it('stops where it is told to', async () => {
      const controller = new AbortController();
      const running = anneal(device, model, images, {
        chains: 8,
        steps: 5000,
        signal: controller.signal,
        onProgress: () => controller.abort(),
      });
      await expect(running).rejects.toThrow(/abort/i);
      await expect(bidirectional(device, model, { signal: controller.signal })).rejects.toThrow(/abort/i);
    });

    it('refuses what it cannot do', async () => {
      const refused = async (options: object, message: RegExp, of: Model = model): Promise<void> => {
        const running = anneal(device, of, images, options);
        await expect(running).rejects.toThrow(UserError);
        await expect(running).rejects.toThrow(message);
      };
      await refused({ chains: 0 }, /anneal: chains is 0; .* from 1 to/);
      await refused({ steps: 1 }, /steps is 1; .* from 2 to/);
      await refused({ leapfrogSteps: 1.5 }, /leapfrogSteps is 1\.5/);
      await refused({ seed: -1 }, /seed is -1/);
      await refused({ targetAcceptance: 1 }, /targetAcceptance is 1; must be between 0 and 1/);
      await refused({ lambda: 0 }, /lambda is 0/);
      const { model: wider } = randomLinear({ d: 5, r: 3, lambda: 0.3 });
      await refused({}, /anneal: images of images have shape \[4\].*made for \[5\]/, wider);
      await expect(bidirectional(device, model, { count: 0 })).rejects.toThrow(/bidirectional: count is 0/);
    });
  });
});

/**
 * E −l/λ and E log f_X(x) over the posterior N(m, M) of a linear model's latents, M = (I + AᵀA/σ²)⁻¹, m = MAᵀ(y − b)/σ², where
 * l/λ is ‖y − b − Ax‖²/2σ² for either cost.
 */
function posteriorMeans(law: LinearGaussian, y: Float32Array): { distance: number; latent: number } {
  const { generator, bias, latent: r, noise } = law;
  const d = bias.length;
  const a = Matrix.from1DArray(d, r, generator);
  const residual = Matrix.columnVector(Array.from(y, (value, p) => value - bias[p]!));
  const covariance = inverse(Matrix.eye(r).add(a.transpose().mmul(a).div(noise)));
  const mean = covariance.mmul(a.transpose()).mmul(residual).div(noise);
  const left =
    Matrix.sub(residual, a.mmul(mean)).norm() ** 2 + a.mmul(covariance).mmul(a.transpose()).trace();
  return {
    distance: -left / 2 / noise,
    latent: -(mean.norm() ** 2 + covariance.trace()) / 2 - (r / 2) * Math.log(2 * Math.PI),
  };
}

/** A sample's mean and variance, within 4.5 of their standard errors (of a normal law's). */
function expectMoments(values: Float32Array, mean: number, variance: number): void {
  const n = values.length;
  const found = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n;
  expect(Math.abs(found - mean)).toBeLessThan(4.5 * Math.sqrt(variance / n));
  expect(Math.abs(squares - variance)).toBeLessThan(4.5 * variance * Math.sqrt(2 / n));
}
