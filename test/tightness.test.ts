/** The tightness experiment: λ by its closed form, the law of a trained model, and a short run that meets the bounds. */
import { describe, expect, it } from 'vitest';
import { gaussianData } from '../src/data/gaussian.ts';
import type { Model } from '../src/gan/model.ts';
import { trainerSettings } from '../src/gan/settings.ts';
import { couplingNats, smallestLambda } from '../src/likelihood/coupling-nats.ts';
import { modelCovariance } from '../src/likelihood/linear-gaussian.ts';
import { lawOf } from '../src/likelihood/linear-model.ts';
import { MOST_NATS, PUBLISHED, tightness } from '../src/likelihood/tightness.ts';
import { type Architecture, linear, mlp } from '../src/nn/architectures.ts';
import { type GapSeries, gapFigure } from '../src/report/gap-figure.ts';
import { describeGpu } from './support/device.ts';
import { randomOf } from './support/random.ts';

describe('the smallest λ of a coupling', () => {
  it('holds exactly the nats asked for, and less holds more', () => {
    const { uniform } = randomOf(5);
    for (const d of [1, 2, 5, 64]) {
      for (const nats of [0.01, 1, 5, 40]) {
        const spectrum = Array.from({ length: d }, () => 0.2 + 99.8 * uniform());
        const lambda = smallestLambda(spectrum, nats);
        expect(couplingNats(spectrum, lambda) / nats).toBeCloseTo(1, 12);
        expect(couplingNats(spectrum, 0.999 * lambda)).toBeGreaterThan(nats);
      }
    }
  });

  it('has its closed forms: one eigenvalue, equal ones, and one that is not coupled', () => {
    expect(smallestLambda([7], 5) / (7 * Math.exp(-10))).toBeCloseTo(1, 12);
    expect(smallestLambda([3, 3, 3, 3], 2) / (3 * Math.exp(-1))).toBeCloseTo(1, 12);
    expect(smallestLambda([0.1, 100], 1) / (100 * Math.exp(-2))).toBeCloseTo(1, 12);
  });
});

function modelOf(model: Architecture, cost: 'half-squared' | 'squared' | 'l1', weight: number[]): Model {
  return {
    configuration: {
      settings: trainerSettings({ model, cost, lambda: [...([[0, 9]] as const), [5, 3]] }),
      pixelScale: null,
      steps: 0,
      data: '',
      adapter: '',
      kernels: [],
      variants: {},
    },
    generator: new Map([
      ['layers.0.weight', { shape: [2, 3], data: Float32Array.from(weight) }],
      ['layers.0.bias', { shape: [3], data: Float32Array.of(7, 8, 9) }],
    ]),
    statistics: new Map(),
    critic: new Map(),
  };
}

describe('the law of a model', () => {
  const architecture = linear({ sample: [3], latent: 2 });

  it('is N(b, AAᵀ + σ²I)', () => {
    const model = modelOf(architecture, 'half-squared', [1, 2, 3, 4, 5, 6]); // x·W, W [2, 3]
    const law = lawOf(model);
    expect(law).toEqual({
      generator: Float64Array.of(1, 4, 2, 5, 3, 6),
      bias: Float64Array.of(7, 8, 9),
      latent: 2,
      noise: 3,
    });
    expect([...modelCovariance(law)]).toEqual([17 + 3, 22, 27, 22, 29 + 3, 36, 27, 36, 45 + 3]);
    expect(lawOf(modelOf(architecture, 'squared', [1, 2, 3, 4, 5, 6])).noise).toBe(1.5);
  });

  it('is not known of other generators and noises', () => {
    expect(() => lawOf(modelOf(mlp({ sample: [3], latent: 2, hidden: [4] }), 'squared', []))).toThrow(
      'law: the generator is dense, dense; only that of one dense layer without activation is known',
    );
    expect(() => lawOf(modelOf(architecture, 'l1', []))).toThrow(/^law: the cost is l1, whose noise is not/);
  });
});

it('draws gaps by dimension', async () => {
  const series: GapSeries[] = [
    { name: 'published', gaps: [{ dims: 5, value: 1.56 }] },
    {
      name: 'trained',
      gaps: [
        { dims: 5, value: 0.1, low: 0.05, high: 0.15 },
        { dims: 7, value: 0.2 },
      ],
    },
  ];
  const figure = { title: 'gaps', notes: ['a note'], yTitle: 'nats' };
  const svg = await gapFigure({ series, ...figure });
  expect(svg.match(/aria-roledescription="bar"/g)).toHaveLength(3);
  expect(svg.match(/aria-roledescription="rule mark"/g)).toHaveLength(1);
  for (const text of ['published', 'trained', 'a note', 'dimensions d']) expect(svg).toContain(text);
  const broken = [{ name: 'trained', gaps: [{ dims: 5, value: Number.NaN }] }];
  await expect(gapFigure({ series: broken, ...figure })).rejects.toThrow(/^gaps: 'trained' is NaN at d = 5/);
});

describeGpu('the tightness experiment', (device) => {
  it('refuses options out of range before it trains', async () => {
    for (const [options, message] of [
      [{ dims: 5, steps: 0 }, /^tightness: steps is 0; must be a whole number of 1 or more$/],
      [{ dims: 5, samples: 1 }, /^tightness: samples is 1; must be a whole number of 2 or more$/],
      [{ dims: 5, annealed: 0.5 }, /^tightness: annealed is 0.5; must be a whole number of 0 or more$/],
      [{ dims: 0 }, /^gaussian: dims is 0; must be a whole number from 1 to 1024$/],
    ] as const)
      await expect(tightness(device, options)).rejects.toThrow(message);
  });

  it('trains a model at d = 5 that meets the bounds, with estimates below what they bound', async () => {
    const stages: string[] = [];
    const options = { dims: 5, seed: 3, steps: 200, latents: 4000, samples: 200, annealed: 0 };
    const { result, model } = await tightness(device, {
      ...options,
      onProgress: (what) => void (stages.at(-1) === what || stages.push(what)),
    });
    const { spectrum, lambda, exact, gap, optimumGap, distance, estimates } = result;
    console.log(
      `d = 5: gap ${gap.toFixed(3)}, of the optimum ${optimumGap.toFixed(3)}, distance ${distance.toFixed(3)}`,
    );
    expect([...new Set(stages)]).toEqual(['training', 'latents from the prior', 'Laplace proposals']);
    expect(spectrum).toEqual([...gaussianData({ dims: 5, seed: 3, limit: 1 }).spectrum]);
    expect(couplingNats(spectrum, lambda)).toBeCloseTo(MOST_NATS, 10);
    expect(model.configuration.steps).toBe(200);
    expect(model.configuration.settings.lambda).toEqual([[0, lambda]]);
    // No linear model is above the best one, and none above the data's own law.
    expect(exact.model).toBeLessThan(exact.optimum);
    expect(exact.optimum).toBeLessThan(exact.data + 1e-9);
    expect(gap).toBeLessThan(optimumGap + 0.5);
    expect(gap).toBeLessThan(PUBLISHED.get(5)!.gap);
    expect(distance).toBeLessThan(0.15);
    const [surrogate, importance, laplace] = estimates;
    expect(estimates.map(({ name, samples }) => [name, samples])).toEqual([
      ['surrogate', 200],
      ['importance', 200],
      ['laplace', 200],
    ]);
    expect(surrogate!.mean.value).toBeLessThan(importance!.mean.value + 1e-6);
    for (const { belowModel, belowData } of estimates) {
      expect(belowModel.high).toBeGreaterThan(-1e-4);
      expect(belowData.value).toBeGreaterThan(belowModel.value);
      expect(belowData.value).toBeLessThan(PUBLISHED.get(5)!.gap);
    }
    expect(Math.abs(laplace!.belowModel.value)).toBeLessThan(0.1);
  }, 300_000);
});
