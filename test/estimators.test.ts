/**
 * Every estimator against what is known: the Gaussian models of test/oracles, whose likelihood is exact; the bounds over many
 * repeats, of which `npm run experiment -- calibration` has the whole grid; and an interval that holds the truth.
 */
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { expect, it } from 'vitest';
import { dataset } from '../src/data/dataset.ts';
import type { Encoder, Model } from '../src/gan/model.ts';
import { anneal } from '../src/likelihood/annealing.ts';
import { ownMeanInterval } from '../src/likelihood/interval.ts';
import { logDensities } from '../src/likelihood/linear-gaussian.ts';
import { Scorer, type ScorerOptions } from '../src/likelihood/scorer.ts';
import { linear } from '../src/nn/architectures.ts';
import { adam } from '../src/nn/optimisers.ts';
import { proposalWidth } from '../src/ops/gaussian-proposal.ts';
import { describeGpu } from './support/device.ts';
import { drawn, randomLinear, untrained } from './support/models.ts';
import { type OracleArray, oracleCases } from './support/oracle.ts';

interface GaussianCase {
  readonly params: { readonly cost: 'half-squared' | 'squared'; readonly lambda: number };
  readonly inputs: {
    readonly generatorMatrix?: OracleArray;
    readonly generatorBias: OracleArray;
    readonly observations: OracleArray;
  };
  readonly expected: { readonly logDensity: OracleArray };
}

/** The model of a case: its linear generator, with critics that were never trained. */
function modelOf({ params, inputs }: GaussianCase): Model {
  const { data, shape } = inputs.generatorMatrix!;
  const [d, r] = shape as readonly [number, number];
  const model = untrained(linear({ sample: [d], latent: r }), params);
  const weight = model.generator.get('layers.0.weight')!.data; // [r, d]
  for (let p = 0; p < d; p++) for (let k = 0; k < r; k++) weight[k * d + p] = data[p * r + k]!;
  model.generator.get('layers.0.bias')!.data.set(inputs.generatorBias.data);
  return model;
}

const gaussian = oracleCases<GaussianCase>('gaussian').filter(({ inputs }) => inputs.generatorMatrix);
const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

describeGpu('estimators', (device) => {
  it.each(gaussian)('give the known likelihoods of $name', async (one) => {
    const model = modelOf(one);
    const { data, shape } = one.inputs.observations;
    const images = dataset({ data: Float32Array.from(data), shape: [...shape], name: 'observations' });
    using scorer = await Scorer.create(device, model, { proposal: 'laplace', latents: 512, seed: 1 });
    const laplace = await scorer.score(images);
    const annealed = await anneal(device, model, images, { chains: 64, steps: 100, seed: 1 });
    const exact = one.expected.logDensity.data;
    exact.forEach((truth, i) => {
      // Errors have a spread of their own: 4.5 standard errors, and what the resolution of float32 is.
      for (const [{ importance, standardError }, most] of [
        [laplace, 0.05],
        [annealed, 0.25],
      ] as const) {
        const allowed = 4.5 * standardError[i]! + 1e-4 * (1 + Math.abs(truth));
        expect(Math.abs(importance[i]! - truth)).toBeLessThan(allowed);
        expect(standardError[i]!).toBeLessThan(most);
      }
      expect(laplace.surrogate[i]!).toBeLessThanOrEqual(
        laplace.importance[i]! + 1e-5 * (1 + Math.abs(truth)),
      );
      const { distance, latent, couplingEntropy } = laplace.components;
      expect(laplace.logC + distance[i]! + latent[i]! + couplingEntropy[i]!).toBeCloseTo(
        laplace.surrogate[i]!,
        9,
      );
    });
  });

  it('are exact from any number of latents where the encoder gives the posterior itself', async () => {
    const [d, r] = [6, 2];
    const { model, law } = randomLinear({ d, r, lambda: 0.5 });
    const a = Matrix.from1DArray(d, r, law.generator);
    const precision = Matrix.eye(r).add(a.transpose().mmul(a).div(law.noise));
    const covariance = new CholeskyDecomposition(precision).solve(Matrix.eye(r));
    const gain = covariance.mmul(a.transpose()).div(law.noise); // [r, d]
    const offset = gain.mmul(Matrix.columnVector(Array.from(law.bias)));
    const factor = new CholeskyDecomposition(covariance.add(covariance.transpose()).div(2))
      .lowerTriangularMatrix;
    // μ = gain·(y − b), then the rows of T with logarithms on the diagonal, which do not depend on y.
    const width = proposalWidth(r);
    const weight = Float32Array.from({ length: d * width }, (_, at) =>
      at % width < r ? gain.get(at % width, Math.floor(at / width)) : 0,
    );
    const bias = Float32Array.of(
      -offset.get(0, 0),
      -offset.get(1, 0),
      Math.log(factor.get(0, 0)),
      factor.get(1, 0),
      Math.log(factor.get(1, 1)),
    );
    const encoder: Encoder = {
      layers: [{ kind: 'dense', units: width }],
      weights: new Map([
        ['layers.0.weight', { shape: [d, width], data: weight }],
        ['layers.0.bias', { shape: [width], data: bias }],
      ]),
      training: {
        cost: 'half-squared',
        lambda: 0.5,
        steps: 1,
        batch: 1,
        simulated: 0,
        samples: 1,
        optimiser: adam({ rate: 1 }),
        seed: 0,
        data: 'none',
      },
    };
    const observations = drawn(law, 70);
    const exact = logDensities(law, observations);
    using scorer = await Scorer.create(device, { ...model, encoder }, { proposal: 'encoder', latents: 5 });
    const { importance, essImportance } = await scorer.score({ data: observations, shape: [70, d] });
    importance.forEach((value, i) => expect(Math.abs(value - exact[i]!)).toBeLessThan(1e-4));
    essImportance.forEach((ess) => expect(ess).toBeCloseTo(5, 3));
    await expect(Scorer.create(device, model, { proposal: 'encoder' })).rejects.toThrow('the model has none');
  });

  const repeats = 100;
  it.each([
    { d: 5, r: 5, lambda: 0.1 },
    { d: 10, r: 6, lambda: 20 },
  ])('are lower bounds over repeats: d = $d, λ = $lambda', async ({ d, r, lambda }) => {
    const { model, law } = randomLinear({ d, r, lambda, spread: 3 });
    const observation = drawn(law, 1);
    const [truth] = logDensities(law, observation) as unknown as [number];
    const copies = dataset({
      data: Float32Array.from({ length: repeats * d }, (_, at) => observation[at % d]!),
      shape: [repeats, d],
    });
    const check = (values: Float64Array): void => {
      const average = mean(values);
      const error = Math.sqrt(mean(values.map((value) => (value - average) ** 2)) / (repeats - 1));
      expect(average).toBeLessThanOrEqual(truth + 4.5 * error + 1e-5 * (1 + Math.abs(truth)));
    };
    const scored = async (options: ScorerOptions, images: typeof copies) => {
      using scorer = await Scorer.create(device, model, options);
      return await scorer.score(images);
    };
    const laplace = await scored({ proposal: 'laplace', latents: 8, seed: 3 }, copies);
    check(laplace.importance);
    check(laplace.surrogate);
    expect(truth - mean(laplace.importance)).toBeLessThan(0.1);
    check((await anneal(device, model, copies, { chains: 2, steps: 30, seed: 3 })).importance);
    const prior = new Float64Array(20);
    for (let i = 0; i < prior.length; i++) {
      const one = dataset({ data: observation, shape: [1, d] });
      prior[i] = (await scored({ latents: 50, seed: i }, one)).importance[0]!;
    }
    check(prior);
  });

  it('have intervals that hold the mean of these very samples about 95 times in 100', async () => {
    const [sets, size, d] = [200, 6, 5];
    const { model, law } = randomLinear({ d, r: 3, lambda: 0.5, spread: 2 });
    const observations = drawn(law, sets * size);
    const exact = logDensities(law, observations);
    using scorer = await Scorer.create(device, model, { proposal: 'laplace', latents: 32, seed: 5 });
    const scores = await scorer.score({ data: observations, shape: [sets * size, d] });
    let held = 0;
    for (let s = 0; s < sets; s++) {
      const part = (values: Float64Array): Float64Array => values.subarray(s * size, (s + 1) * size);
      const { low, high } = ownMeanInterval(part(scores.importance), scores.importanceWithoutBank.map(part), {
        latents: 'own',
      });
      const truth = mean(part(exact));
      if (low <= truth && truth <= high) held++;
    }
    // Of 200 sets a binomial standard deviation is 1.5 %: three of them about 95 %.
    expect(held / sets).toBeGreaterThan(0.905);
    expect(held / sets).toBeLessThan(0.995);
  });
});
