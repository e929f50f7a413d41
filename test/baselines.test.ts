/** Yardsticks and closed forms: linear Gaussians against known answers, the three yardsticks on small data and on MNIST. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Dataset, dataset, rows } from '../src/data/dataset.ts';
import { threefryNormals } from '../src/data/random.ts';
import type { Device } from '../src/gpu/device.ts';
import { baselines } from '../src/likelihood/baselines.ts';
import {
  expectedLogLikelihood,
  logDensities,
  modelCovariance,
  optimalLinearGenerator,
} from '../src/likelihood/linear-gaussian.ts';
import { momentsOf } from '../src/likelihood/moments.ts';
import { loadDataset } from '../src/node/load-dataset.ts';
import type { LikelihoodCost } from '../src/ops/log-likelihood.ts';
import { describeGpu } from './support/device.ts';

let device: Device;

interface OracleArray {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface OracleCase {
  readonly name: string;
  readonly inputs: Readonly<
    Record<'generatorMatrix' | 'generatorBias' | 'observations' | 'dataMean' | 'dataCov', OracleArray>
  > & { readonly spectrum?: OracleArray };
  readonly params: { readonly sigma2: number; readonly d: number; readonly r: number };
  readonly expected: {
    readonly modelCov: OracleArray;
    readonly logDensity: OracleArray;
    readonly expectedLogLikelihood: number;
    readonly optimal?: {
      readonly generator: OracleArray;
      readonly gram: OracleArray;
      readonly expectedLogLikelihood: number;
    };
  };
}
const { cases } = JSON.parse(readFileSync(new URL('oracles/gaussian.json', import.meta.url), 'utf8')) as {
  cases: readonly OracleCase[];
};
const float64 = ({ data }: OracleArray): Float64Array => Float64Array.from(data);

/** Largest difference, relative to the largest value. */
function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  const scale = Math.max(...Array.from(b, Math.abs));
  return Math.max(...Array.from(b, (x, i) => Math.abs(a[i]! - x))) / scale;
}

function meanOf(values: ArrayLike<number>): number {
  return Array.from(values).reduce((a, b) => a + b, 0) / values.length;
}

/** Data that the optimal generator is checked on: zero mean, and the covariance of a case. */
function centred({ inputs, params: { d } }: OracleCase) {
  const { spectrum } = inputs;
  const covariance = spectrum
    ? Float64Array.from({ length: d * d }, (_, at) => (at % (d + 1) === 0 ? spectrum.data[at / (d + 1)]! : 0))
    : float64(inputs.dataCov);
  return { mean: new Float64Array(d), covariance };
}

describeGpu('the yardsticks of scores', (opened) => {
  device = opened;

  describe('linear generators', () => {
    it.each(cases.filter(({ inputs }) => !inputs.spectrum))('$name', ({ inputs, params, expected }) => {
      const model = {
        generator: float64(inputs.generatorMatrix),
        bias: float64(inputs.generatorBias),
        latent: params.r,
        noise: params.sigma2,
      };
      expect(farthest(modelCovariance(model), expected.modelCov.data)).toBeLessThan(1e-9);
      expect(farthest(logDensities(model, inputs.observations.data), expected.logDensity.data)).toBeLessThan(
        1e-9,
      );
      const data = { mean: float64(inputs.dataMean), covariance: float64(inputs.dataCov) };
      expect(farthest([expectedLogLikelihood(model, data)], [expected.expectedLogLikelihood])).toBeLessThan(
        1e-9,
      );
    });

    it.each(cases.filter(({ expected }) => expected.optimal))('optimal for $name', (one) => {
      const { params, expected } = one;
      const optimal = expected.optimal!;
      const data = centred(one);
      const model = optimalLinearGenerator(data, params.sigma2, params.r);
      const gram = modelCovariance({ ...model, noise: 0 });
      expect(farthest(gram, optimal.gram.data)).toBeLessThan(1e-9);
      expect(farthest([expectedLogLikelihood(model, data)], [optimal.expectedLogLikelihood])).toBeLessThan(
        1e-9,
      );
      // Columns that would be 0 are left out.
      const columns = optimal.generator.data.filter((_, at) => at % params.r < model.latent);
      expect(farthest(model.generator, columns)).toBeLessThan(1e-7);
    });

    it('knows data below the noise by their mean alone', () => {
      const data = { mean: Float64Array.of(1, 2), covariance: Float64Array.of(0.5, 0, 0, 0.25) };
      const model = optimalLinearGenerator(data, 1);
      expect(model.latent).toBe(0);
      expect(logDensities(model, [1, 2])[0]).toBeCloseTo(-Math.log(2 * Math.PI), 12);
      expect(expectedLogLikelihood(model, data)).toBeCloseTo(-Math.log(2 * Math.PI) - 0.375, 12);
    });

    it('is, over the data it is fitted to, on average what is expected', () => {
      const set = correlated(200, 1);
      const moments = momentsOf(set);
      const model = optimalLinearGenerator(moments, 0.3);
      expect(meanOf(logDensities(model, rows(set, 0, 200)))).toBeCloseTo(
        expectedLogLikelihood(model, moments),
        9,
      );
    });
  });

  /** Correlated values in three dimensions. */
  function correlated(count: number, seed: number): Dataset {
    const z = threefryNormals(count * 3, [seed, 91]);
    const data = Float32Array.from({ length: count * 3 }, (_, at) => {
      const row = at - (at % 3);
      return at % 3 === 0 ? 3 * z[row]! : at % 3 === 1 ? z[row]! + z[row + 1]! : 0.2 * z[row + 2]! + 5;
    });
    return dataset({ data, shape: [count, 3], name: `correlated ${seed}` });
  }

  describe('the yardsticks', () => {
    const training = correlated(151, 2);
    const test = correlated(20, 3);
    const value = (set: Dataset, i: number, p: number): number => rows(set, i, 1)[p]!;

    it.each(['l1', 'squared', 'half-squared'] as const)('are what they say, $0', async (cost) => {
      const lambda = 0.7;
      const found = await baselines(device, training, test, { cost, lambda });
      const logC = {
        l1: -3 * Math.log(1.4),
        squared: -1.5 * Math.log(Math.PI * 0.7),
        'half-squared': -1.5 * Math.log(1.4 * Math.PI),
      }[cost];
      const density = (i: number, image: (p: number) => number): number => {
        let total = 0;
        for (let p = 0; p < 3; p++) {
          const e = value(test, i, p) - image(p);
          total += cost === 'l1' ? Math.abs(e) : cost === 'squared' ? e * e : 0.5 * e * e;
        }
        return logC - total / lambda;
      };
      const columns = [0, 1, 2].map((p) =>
        Array.from({ length: 151 }, (_, i) => value(training, i, p)).sort((a, b) => a - b),
      );
      const image = (p: number): number => (cost === 'l1' ? columns[p]![75]! : meanOf(columns[p]!));
      for (let i = 0; i < 20; i += 3) {
        expect(found.constant[i]).toBeCloseTo(density(i, image), 9);
        const terms = Array.from({ length: 151 }, (_, t) =>
          Math.exp(density(i, (p) => value(training, t, p))),
        );
        const parzen = Math.log(meanOf(terms));
        expect(Math.abs(found.parzen[i]! - parzen)).toBeLessThan(1e-5 * (1 + Math.abs(parzen)));
      }
      if (cost === 'l1') expect(found.linear).toBeNull();
      else {
        expect(found.linear).toHaveLength(20);
        expect(meanOf(found.linear!)).toBeGreaterThan(meanOf(found.constant));
      }
    });

    it('refuse data of other sizes, λ ≤ 0 and cosine, and stop when told to', async () => {
      const other = dataset({ data: new Float32Array(8), shape: [2, 4], name: 'fours' });
      const options = { cost: 'squared', lambda: 1 } as const;
      await expect(baselines(device, other, test, options)).rejects.toThrow(/fours have shape \[4\]/);
      await expect(baselines(device, training, test, { ...options, lambda: -1 })).rejects.toThrow(
        /lambda is -1/,
      );
      await expect(
        baselines(device, training, test, { ...options, cost: 'cosine' as LikelihoodCost }),
      ).rejects.toThrow(/cosine/);
      await expect(
        baselines(device, training, test, { ...options, signal: AbortSignal.abort() }),
      ).rejects.toThrow(/abort/i);
    });
  });

  const MNIST = `${process.env['ENTROPIC_GAN_DATA'] ?? '../shared/data'}/mnist`;

  describe.skipIf(!existsSync(MNIST))(`MNIST digit 1 (skipped where there is no ${MNIST})`, () => {
    it.each([
      { lambda: 1, constant: -730.3, linear: -728.0, parzen: -727.7 },
      { lambda: 0.3, constant: -281.4, linear: -266.8, parzen: -262.1 },
    ])('λ = $lambda', async ({ lambda, constant, linear, parzen }) => {
      const training = await loadDataset(MNIST, { labels: [1], split: 'train' });
      const test = await loadDataset(MNIST, { labels: [1], split: 'test', limit: 200 });
      const found = await baselines(device, training, test, { cost: 'half-squared', lambda });
      expect(found.constant).toHaveLength(200);
      expect(Math.abs(meanOf(found.constant) - constant)).toBeLessThan(0.1);
      expect(Math.abs(meanOf(found.linear!) - linear)).toBeLessThan(0.1);
      expect(Math.abs(meanOf(found.parzen) - parzen)).toBeLessThan(0.1);
    });
  });
});
