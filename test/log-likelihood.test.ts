/** The one-shot log-likelihood against known answers, its invariants, its boundary; and the tail kept for Pareto k̂. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Device } from '../src/gpu/device.ts';
import { Plan } from '../src/gpu/plan.ts';
import { targetOf } from '../src/gpu/target.ts';
import { evaluate } from '../src/graph/evaluate.ts';
import { Graph } from '../src/graph/graph.ts';
import { schedule } from '../src/graph/schedule.ts';
import type { LikelihoodEstimates } from '../src/likelihood/finish.ts';
import { type FloatArray, type LikelihoodInputs, logLikelihood } from '../src/likelihood/log-likelihood.ts';
import { paretoK, tailLength } from '../src/likelihood/pareto.ts';
import {
  type LikelihoodCost,
  STATE_FLOATS,
  likelihoodAccumulate,
  tailOf,
} from '../src/ops/log-likelihood.ts';
import { cases } from './cases/log-likelihood.ts';
import { filled, randomOf } from './support/random.ts';
import { describeGpu } from './support/device.ts';

let device: Device;

interface OracleArray {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
const RELATIVE = ['essImportance', 'essSurrogate', 'maxWeight', 'maxWeightImportance'] as const;
const COMPONENTS = ['distance', 'latent', 'couplingEntropy'] as const;
interface OracleCase {
  readonly name: string;
  readonly inputs: Readonly<Record<'observations' | 'latents' | 'generated' | 'criticFake', OracleArray>> & {
    readonly logQ?: OracleArray;
  };
  readonly params: { readonly cost: LikelihoodCost; readonly lambda: number };
  readonly expected: Readonly<
    Record<'logC' | 'importance' | 'surrogate' | (typeof RELATIVE)[number], OracleArray>
  > & {
    readonly components: Readonly<Record<(typeof COMPONENTS)[number], OracleArray>>;
    readonly paperScore: OracleArray | null;
  };
}

const oracle = JSON.parse(readFileSync(new URL('oracles/likelihood.json', import.meta.url), 'utf8')) as {
  cases: OracleCase[];
};

function floats({ data, shape }: OracleArray): FloatArray {
  return { data: Float32Array.from(data), shape };
}

/** Largest |a − b| / (scale + |b|). */
function farthest(a: ArrayLike<number>, b: ArrayLike<number>, scale: number): number {
  expect(a.length).toBe(b.length);
  return Math.max(...Array.from(b, (x, i) => Math.abs(a[i]! - x) / (scale + Math.abs(x))));
}

/** S_K ≤ L_K, and the parts of S_K add up to it. */
function expectInvariants(result: LikelihoodEstimates): void {
  const { logC, importance, surrogate, components } = result;
  surrogate.forEach((s, i) => {
    const l = importance[i]!;
    expect(s).toBeLessThanOrEqual(l + 1e-5 * (1 + Math.abs(l)));
    expect(logC + components.distance[i]! + components.latent[i]! + components.couplingEntropy[i]!).toBe(s);
  });
}

type Problem = LikelihoodInputs & { readonly criticFake: Float32Array<ArrayBuffer> };

function problem(n: number, k: number, d: number, r: number, seed: number): Problem {
  const { uniform, normal } = randomOf(seed);
  return {
    observations: { data: filled(n * d, uniform), shape: [n, d] },
    generated: { data: filled(k * d, uniform), shape: [k, d] },
    latents: { data: filled(k * r, normal), shape: [k, r] },
    criticFake: filled(k, normal),
    cost: 'half-squared',
    lambda: 0.5,
  };
}

/** s of every prior latent for observation i, in float64, rising; cost half-squared. */
function logWeights({ observations, generated, lambda }: LikelihoodInputs, i: number): Float64Array {
  const [k, d] = generated.shape as [number, number];
  return Float64Array.from({ length: k }, (_, j) => {
    let total = 0;
    for (let p = 0; p < d; p++) total += (observations.data[i * d + p]! - generated.data[j * d + p]!) ** 2;
    return (-0.5 * total) / lambda;
  }).sort();
}

/** k̂ from the largest of rising log-weights, as many as it takes. */
function referenceK(s: Float64Array): number {
  return paretoK(s.slice(-tailLength(s.length) - 1), s.length);
}

describeGpu('the one-shot log-likelihood', (opened) => {
  device = opened;

  describe('known answers', () => {
    it.each(oracle.cases)('$name', async ({ name, inputs, params, expected }) => {
      const result = await logLikelihood(device, {
        observations: floats(inputs.observations),
        generated: floats(inputs.generated),
        latents: floats(inputs.latents),
        criticFake: floats(inputs.criticFake),
        ...(inputs.logQ ? { logQ: floats(inputs.logQ) } : {}),
        cost: params.cost,
        lambda: params.lambda,
      });
      const tolerance = name === 'critic-offset' ? 5e-5 : 1e-5;
      expect(result.logC).toBeCloseTo(expected.logC.data[0]!, 9);
      expect(farthest(result.importance, expected.importance.data, 1)).toBeLessThan(tolerance);
      expect(farthest(result.surrogate, expected.surrogate.data, 1)).toBeLessThan(tolerance);
      for (const part of COMPONENTS)
        expect(farthest(result.components[part], expected.components[part].data, 1)).toBeLessThan(tolerance);
      for (const key of RELATIVE) expect(farthest(result[key], expected[key].data, 0)).toBeLessThan(1e-3);
      if (expected.paperScore)
        expect(farthest(result.paperScore!, expected.paperScore.data, 1)).toBeLessThan(tolerance);
      else expect(result.paperScore).toBeNull();
      expectInvariants(result);
    });
  });

  describe('invariants', () => {
    const critics: Record<string, (i: number, normal: () => number) => number> = {
      random: (_, normal) => normal(),
      untrained: () => 0,
      adversarial: (i) => (i % 2 === 0 ? 20 : -20),
      huge: (i) => (i % 3 === 0 ? 500 : -500) * 0.5,
      'huge-one': (i) => (i === 17 ? -500 : 0),
    };
    const table = Object.keys(critics).flatMap((critic) =>
      (['l1', 'squared', 'half-squared'] as const).map((cost) => ({ critic, cost })),
    );
    it.each(table)('S_K ≤ L_K with the $critic critic, $cost', async ({ critic, cost }) => {
      const { normal } = randomOf(99);
      for (const [n, d] of [
        [3, 7],
        [12, 8],
      ] as const) {
        const criticFake = filled(150, (i) => critics[critic]!(i, normal));
        expectInvariants(await logLikelihood(device, { ...problem(n, 150, d, 4, n), criticFake, cost }));
      }
    });

    it('is blind to a constant in the critic', async () => {
      const inputs = problem(12, 100, 8, 4, 5);
      const criticFake = inputs.criticFake.map((x) => Math.round(x * 64) / 64);
      const a = await logLikelihood(device, { ...inputs, criticFake });
      const b = await logLikelihood(device, { ...inputs, criticFake: criticFake.map((x) => x + 1000) });
      expect(b).toEqual(a);
    });

    it('gives the same bits every time, and to a bank of its own the result of the same bank shared', async () => {
      const inputs = problem(6, 130, 8, 4, 6);
      const first = await logLikelihood(device, inputs);
      expect(await logLikelihood(device, inputs)).toEqual(first);
      const repeat = ({ data, shape }: FloatArray): FloatArray => ({
        data: filled(6 * data.length, (i) => data[i % data.length]!),
        shape: [6, ...shape],
      });
      const own = await logLikelihood(device, {
        ...inputs,
        generated: repeat(inputs.generated),
        latents: repeat(inputs.latents),
        criticFake: repeat({ data: inputs.criticFake, shape: [130] }),
      });
      expect(own).toEqual(first);
    });

    it('carries its state over the chunks of a large bank', async () => {
      const inputs = problem(2, 100_000, 5, 2, 7);
      const result = await logLikelihood(device, inputs);
      expectInvariants(result);
      for (let i = 0; i < 2; i++) {
        const s = logWeights(inputs, i);
        const mean = s.reduce((total, x) => total + Math.exp(x), 0) / s.length;
        const expected = -2.5 * Math.log(2 * Math.PI * inputs.lambda) + Math.log(mean);
        expect(Math.abs(result.importance[i]! - expected)).toBeLessThan(1e-5 * (1 + Math.abs(expected)));
        expect(result.paretoK![i]).toBeCloseTo(referenceK(s), 3);
      }
    });

    it('takes more observations than one block holds', async () => {
      const inputs = problem(5000, 70, 3, 2, 8);
      const all = await logLikelihood(device, inputs);
      const last = await logLikelihood(device, {
        ...inputs,
        observations: { data: inputs.observations.data.slice(4990 * 3), shape: [10, 3] },
      });
      expect(all.surrogate.length).toBe(5000);
      expect(farthest(all.surrogate.slice(4990), last.surrogate, 1)).toBeLessThan(1e-6);
    });

    it('is a Parzen window without critic and latents', async () => {
      const inputs = problem(10, 200, 6, 2, 9);
      const { observations, generated, cost, lambda } = inputs;
      const result = await logLikelihood(device, { observations, generated, cost, lambda });
      expect(Object.keys(result)).not.toContain('surrogate');
      const mean = logWeights(inputs, 3).reduce((total, x) => total + Math.exp(x), 0) / 200;
      expect(result.importance[3]).toBeCloseTo(-3 * Math.log(2 * Math.PI * lambda) + Math.log(mean), 4);
    });

    it.each([
      { d: 1, r: 1 },
      { d: 1, r: 3 },
      { d: 4, r: 1 },
    ])('takes samples of d = $d and latents of r = $r as if zeros stood beside them', async ({ d, r }) => {
      const inputs = problem(6, 130, d, r, 11);
      const beside = ({ data, shape }: FloatArray): FloatArray => {
        const [rows, width] = shape as [number, number];
        const padded = new Float32Array(rows * 4);
        for (let i = 0; i < rows * width; i++) padded[Math.floor(i / width) * 4 + (i % width)] = data[i]!;
        return { data: padded, shape: [rows, 4] };
      };
      const wide = await logLikelihood(device, {
        ...inputs,
        observations: beside(inputs.observations),
        generated: beside(inputs.generated),
        latents: beside(inputs.latents),
      });
      const repeat = ({ data, shape }: FloatArray): FloatArray => ({
        data: filled(6 * data.length, (i) => data[i % data.length]!),
        shape: [6, ...shape],
      });
      const ownBanks = {
        ...inputs,
        generated: repeat(inputs.generated),
        latents: repeat(inputs.latents),
        criticFake: repeat({ data: inputs.criticFake, shape: [130] }),
      };
      for (const given of [inputs, ownBanks]) {
        const narrow = await logLikelihood(device, given);
        expectInvariants(narrow);
        const importance = wide.importance.map((l) => l - wide.logC + narrow.logC);
        expect(farthest(narrow.importance, importance, 1)).toBeLessThan(1e-5);
        expect(farthest(narrow.essSurrogate, wide.essSurrogate, 0)).toBeLessThan(1e-4);
        expect(farthest(narrow.components.distance, wide.components.distance, 1)).toBeLessThan(1e-5);
        const latent = wide.components.latent.map((part) => part + 0.5 * (4 - r) * Math.log(2 * Math.PI));
        expect(farthest(narrow.components.latent, latent, 1)).toBeLessThan(1e-5);
      }
    });

    it.each([
      { n: 3, d: 7 },
      { n: 70, d: 8 },
    ])('finds the Pareto k̂ of the float64 log-weights, n = $n, d = $d', async ({ n, d }) => {
      const inputs = { ...problem(n, 500, d, 4, 10), lambda: 0.05 };
      const { paretoK: k } = await logLikelihood(device, inputs);
      for (let i = 0; i < n; i += 7) expect(k![i]).toBeCloseTo(referenceK(logWeights(inputs, i)), 3);
      expect((await logLikelihood(device, { ...inputs, paretoK: false })).paretoK).toBeNull();
    });
  });

  describe('the kept tail', () => {
    /** Runs the latents through in chunks of 64, and returns the `length` largest log-weights of each observation. */
    async function tailIn64s(inputs: LikelihoodInputs, length: number): Promise<Float32Array> {
      const [n, d] = inputs.observations.shape as [number, number];
      const k = inputs.generated.shape[0]!;
      const stride = 2 + 4 * length + 64;
      using observations = device.storageOf('observations', inputs.observations.data);
      using generated = device.storage('generated', 64 * d * 4);
      using state = device.storage('state', n * STATE_FLOATS * 4);
      using tail = device.storageOf('tail', new Uint32Array(n * stride));
      const graph = new Graph();
      const place = (buffer: string) => ({ buffer, offset: 0 });
      likelihoodAccumulate(graph, {
        observations: graph.external('observations', [n, d], place('observations')),
        generated: graph.external('generated', [64, d], place('generated')),
        state: graph.external('state', [n, STATE_FLOATS], place('state')),
        tail: { keys: graph.external('tail', [n, stride], place('tail'), 'u32'), length, latents: k },
        cost: inputs.cost,
        lambda: inputs.lambda,
        validCount: { step: 'validCount' },
        first: { step: 'first' },
      });
      const { recording } = schedule(graph, targetOf(device));
      const externals = {
        observations: observations.buffer,
        generated: generated.buffer,
        state: state.buffer,
        tail: tail.buffer,
      };
      using plan = await Plan.create(device, { chunk: recording }, externals);
      for (let start = 0; start < k; start += 64) {
        const validCount = Math.min(64, k - start);
        device.upload(
          generated.buffer,
          0,
          inputs.generated.data.subarray(start * d, (start + validCount) * d),
        );
        plan.run([{ phase: 'chunk', values: { validCount, first: Number(start === 0) } }]);
      }
      return tailOf(new Uint32Array(await device.read(tail.buffer, 0, n * stride * 4)), n, length);
    }

    it.each([
      { n: 3, d: 7 },
      { n: 70, d: 8 },
      { n: 70, d: 9 },
    ])('is the largest of 1000 log-weights, n = $n, d = $d', async ({ n, d }) => {
      const inputs = problem(n, 1000, d, 1, 11);
      const tail = await tailIn64s(inputs, 23);
      for (let i = 0; i < n; i++)
        expect(
          farthest(tail.subarray(i * 23, (i + 1) * 23), logWeights(inputs, i).slice(-23), 1),
        ).toBeLessThan(1e-6);
    });

    it('holds equal log-weights as often as there is room for', async () => {
      const inputs = problem(10, 640, 4, 1, 12);
      inputs.generated.data.fill(0.5);
      const tail = await tailIn64s(inputs, 5);
      for (let i = 0; i < 10; i++)
        expect(farthest(tail.subarray(i * 5, (i + 1) * 5), logWeights(inputs, i).slice(-5), 1)).toBeLessThan(
          1e-6,
        );
    });
  });

  describe('the running state', () => {
    it.each(cases.filter((one) => !one.hardwareOnly))('$name agrees with its definition', async (one) => {
      const { state } = await evaluate(device, one.inputs, (graph, tensors) => ({
        state: one.build(graph, tensors)['state']!,
      }));
      const expected = one.reference((x) => x)['state']!;
      for (let i = 0; i < expected.length; i++) {
        const error = Math.abs(state[i]! - expected[i]!) / (1 + Math.abs(expected[i]!));
        expect(
          error,
          `float ${i % STATE_FLOATS} of observation ${Math.floor(i / STATE_FLOATS)}`,
        ).toBeLessThan(2e-4);
      }
    });
  });

  describe('the boundary', () => {
    const good = problem(2, 3, 4, 2, 13);
    const zeros = (...shape: number[]): FloatArray => ({
      data: new Float32Array(shape.reduce((a, b) => a * b, 1)),
      shape,
    });
    const bad: readonly [string, Partial<Record<keyof LikelihoodInputs, unknown>>, RegExp][] = [
      ['cosine', { cost: 'cosine' }, /not normalisable/],
      ['an unknown cost', { cost: 'l3' }, /unknown cost l3/],
      ['λ = 0', { lambda: 0 }, /lambda must be a positive number, is 0/],
      ['an infinite λ', { lambda: Infinity }, /lambda must be a positive number/],
      [
        'an infinite value',
        { criticFake: Float32Array.of(0, Infinity, 0) },
        /criticFake holds Infinity at index 1/,
      ],
      ['widths that differ', { generated: zeros(3, 5) }, /generated is \[3, 5\], must be \[3, 4\]/],
      ['a bank of another size', { latents: zeros(4, 2) }, /latents is \[4, 2\], must be \[3, 2\]/],
      [
        'too few critics',
        { criticFake: new Float32Array(2) },
        /criticFake has 2 values, its shape \[3\] needs 3/,
      ],
      ['values that miss', { observations: { ...zeros(7), shape: [2, 4] } }, /observations has 7 values/],
      ['K = 0', { generated: zeros(0, 4) }, /at least one/],
      ['a critic without latents', { latents: undefined }, /criticFake needs the latents/],
    ];
    it.each(bad)('refuses %s', async (_, change, message) => {
      await expect(logLikelihood(device, { ...good, ...change } as LikelihoodInputs)).rejects.toThrow(
        message,
      );
    });

    it('stops when it is told to', async () => {
      await expect(logLikelihood(device, { ...good, signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    });
  });
});
