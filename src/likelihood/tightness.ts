/**
 * The paper's tightness experiment (docs/gaussian.md): data N(0, Σ) of a stated spectrum, a linear model trained on them, and
 * how far below the truth its likelihoods are. All of this is known without sampling:
 *   E log N(y; 0, Σ)  ≥  E log f of the optimum AAᵀ = U(Λ − λ)₊Uᵀ  ≥  E log f of the model trained
 * and each estimate is held against log N and log f of the same test samples.
 */
import { type Dataset, rows, select } from '../data/dataset.ts';
import { gaussianData } from '../data/gaussian.ts';
import { gaussianSteps, trainOnGaussian } from '../gan/gaussian-training.ts';
import type { Model } from '../gan/model.ts';
import type { Device } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import { anneal } from './annealing.ts';
import { couplingNats, smallestLambda } from './coupling-nats.ts';
import { type Interval, meanInterval } from './interval.ts';
import {
  type LinearGaussian,
  expectedLogLikelihood,
  logDensities,
  modelCovariance,
  optimalLinearGenerator,
} from './linear-gaussian.ts';
import { lawOf } from './linear-model.ts';
import { type ScoreOptions, Scorer } from './scorer.ts';

/** The published results, Balaji et al. (2019): nats, by d. Their covariances are not published. */
export const PUBLISHED: ReadonlyMap<
  number,
  { readonly exact: number; readonly surrogate: number; readonly gap: number }
> = new Map([
  [5, { exact: -16.38, surrogate: -17.94, gap: 1.56 }],
  [10, { exact: -35.15, surrogate: -43.6, gap: 8.45 }],
  [20, { exact: -58.04, surrogate: -66.58, gap: 8.54 }],
  [30, { exact: -91.8, surrogate: -100.69, gap: 8.89 }],
  [64, { exact: -203.46, surrogate: -217.52, gap: 14.06 }],
]);

/** λ is the smallest under which the optimal coupling holds at most so many nats. */
export const MOST_NATS = 5;

/** Estimates of the test samples, or of the first of them, by one estimator; `withoutBank` as `meanInterval` takes it. */
interface Estimated {
  readonly name: string;
  readonly values: Float64Array;
  readonly withoutBank: readonly Float64Array[];
}

/** One way of drawing latents, and what comes of it. */
interface Estimation {
  readonly label: string;
  readonly estimate: (
    device: Device,
    model: Model,
    test: Dataset,
    options: Required<Pick<TightnessOptions, 'latents' | 'annealed' | 'seed'>>,
    running: ScoreOptions,
  ) => Promise<readonly Estimated[]>;
}

const ESTIMATIONS: readonly Estimation[] = [
  {
    label: 'latents from the prior',
    async estimate(device, model, test, { latents, seed }, running) {
      using scorer = await Scorer.create(device, model, { latents, seed });
      const scores = await scorer.score(test, running);
      return [
        { name: 'surrogate', values: scores.surrogate, withoutBank: scores.surrogateWithoutBank },
        { name: 'importance', values: scores.importance, withoutBank: scores.importanceWithoutBank },
      ];
    },
  },
  {
    label: 'Laplace proposals',
    async estimate(device, model, test, { seed }, running) {
      using scorer = await Scorer.create(device, model, { proposal: 'laplace', seed });
      const { importance, importanceWithoutBank } = await scorer.score(test, running);
      return [{ name: 'laplace', values: importance, withoutBank: importanceWithoutBank }];
    },
  },
  {
    label: 'annealed chains',
    async estimate(device, model, test, { annealed, seed }, running) {
      if (annealed === 0) return [];
      const few = select(test, { limit: annealed });
      const { importance, importanceWithoutBank } = await anneal(device, model, few, { seed, ...running });
      return [{ name: 'ais', values: importance, withoutBank: importanceWithoutBank }];
    },
  },
];

/** An estimator's mean over the test samples, and how far it is below what is known of the same samples, in nats. */
export interface EstimateTightness {
  readonly name: string;
  /** The first so many of the test samples. */
  readonly samples: number;
  readonly mean: Interval;
  /** log f(y) of the trained model less the estimate. */
  readonly belowModel: Interval;
  /** log N(y; 0, Σ) less the estimate: the published gap's counterpart. */
  readonly belowData: Interval;
}

/** Everything that is stated of one dimension. Likelihoods and gaps in nats. */
export interface Tightness {
  readonly dims: number;
  readonly seed: number;
  /** Eigenvalues of Σ, descending. */
  readonly spectrum: readonly number[];
  /** Of the half-squared cost: the variance of the noise. */
  readonly lambda: number;
  /** ½ Σ log(Λ_i/λ)₊. */
  readonly couplingNats: number;
  /** Generator iterations. */
  readonly steps: number;
  /** Expectations over N(0, Σ): of log N(y; 0, Σ), and of log f of the trained model and of the optimum. */
  readonly exact: { readonly data: number; readonly model: number; readonly optimum: number };
  /** What they are below `exact.data`. */
  readonly gap: number;
  readonly optimumGap: number;
  /** ‖AAᵀ − U(Λ − λ)₊Uᵀ‖ / ‖U(Λ − λ)₊Uᵀ‖, Frobenius. */
  readonly distance: number;
  /** Test samples, and latents from the prior for each. */
  readonly samples: number;
  readonly latents: number;
  readonly estimates: readonly EstimateTightness[];
  readonly published?: { readonly exact: number; readonly surrogate: number; readonly gap: number };
}

export interface TightnessOptions {
  /** d. */
  readonly dims: number;
  /** Of the data, the training and the latents. Default 0. */
  readonly seed?: number;
  /** Generator iterations. Default `gaussianSteps(dims)`. */
  readonly steps?: number;
  /** Latents per test sample from the prior. Default 10 000. */
  readonly latents?: number;
  /** Test samples. Default 500. */
  readonly samples?: number;
  /** The first so many of them are estimated by annealed chains as well, which take long; 0 for none. Default 20. */
  readonly annealed?: number;
  readonly signal?: AbortSignal;
  /** What is being done, and the share of it that is. */
  readonly onProgress?: (what: string, done: number) => void;
}

/**
 * Trains a model on `gaussian:dims` and measures it.
 * @throws UserError on options out of range; the signal's reason where it aborts.
 */
export async function tightness(
  device: Device,
  options: TightnessOptions,
): Promise<{ readonly result: Tightness; readonly model: Model }> {
  const { dims, seed = 0, steps = gaussianSteps(dims), latents = 10_000, samples = 500 } = options;
  const { annealed = 20, signal, onProgress } = options;
  for (const [name, value, least] of [
    ['steps', steps, 1],
    ['samples', samples, 2],
    ['annealed', annealed, 0],
  ] as const) {
    if (!Number.isInteger(value) || value < least)
      throw new UserError(`tightness: ${name} is ${value}; must be a whole number of ${least} or more`);
  }
  const { dataset, covariance, spectrum } = gaussianData({ dims, seed });
  const { dataset: test } = gaussianData({ dims, seed, split: 'test', limit: samples });
  const lambda = smallestLambda(spectrum, MOST_NATS);
  const model = await trainOnGaussian(device, dataset, {
    lambda,
    seed,
    steps,
    ...(signal ? { signal } : {}),
    onProgress: (made) => onProgress?.('training', made / steps),
  });
  const moments = { mean: new Float64Array(dims), covariance };
  const optimum = optimalLinearGenerator(moments, lambda);
  const law = lawOf(model);
  const exact = {
    data: expectedLogDensity(spectrum),
    model: expectedLogLikelihood(law, moments),
    optimum: expectedLogLikelihood(optimum, moments),
  };
  const observations = rows(test, 0, test.count);
  const ofData = logDensities(dataLaw(moments, spectrum), observations);
  const ofModel = logDensities(law, observations);
  const estimates: EstimateTightness[] = [];
  for (const { label, estimate } of ESTIMATIONS) {
    const running = {
      ...(signal ? { signal } : {}),
      onProgress: (done: number) => onProgress?.(label, done),
    };
    const estimated = await estimate(device, model, test, { latents, annealed, seed }, running);
    for (const { name, values, withoutBank } of estimated) {
      const below = (known: Float64Array): Interval => {
        const less = (of: Float64Array): Float64Array => of.map((value, i) => (known[i] as number) - value);
        return meanInterval(less(values), withoutBank.map(less));
      };
      estimates.push({
        name,
        samples: values.length,
        mean: meanInterval(values, withoutBank),
        belowModel: below(ofModel),
        belowData: below(ofData),
      });
    }
  }
  const published = PUBLISHED.get(dims);
  return {
    model,
    result: {
      dims,
      seed,
      spectrum: Array.from(spectrum),
      lambda,
      couplingNats: couplingNats(spectrum, lambda),
      steps: model.configuration.steps,
      exact,
      gap: exact.data - exact.model,
      optimumGap: exact.data - exact.optimum,
      distance: relativeDistance(law, optimum),
      samples: test.count,
      latents,
      estimates,
      ...(published ? { published } : {}),
    },
  };
}

/** E log N(y; 0, Σ) over N(0, Σ) itself: −½ Σ_i [log 2πΛ_i + 1]. */
function expectedLogDensity(spectrum: Float64Array): number {
  return -0.5 * spectrum.reduce((sum, value) => sum + Math.log(2 * Math.PI * value) + 1, 0);
}

/** N(0, Σ) as a linear model whose noise is the least eigenvalue: its optimum loses nothing. */
function dataLaw(moments: { mean: Float64Array; covariance: Float64Array }, spectrum: Float64Array) {
  return optimalLinearGenerator(moments, spectrum.at(-1) as number);
}

/** ‖AAᵀ − BBᵀ‖ / ‖BBᵀ‖, Frobenius. */
function relativeDistance(law: LinearGaussian, optimum: LinearGaussian): number {
  const learned = modelCovariance({ ...law, noise: 0 });
  const best = modelCovariance({ ...optimum, noise: 0 });
  const norm = (matrix: Float64Array): number =>
    Math.sqrt(matrix.reduce((sum, value) => sum + value ** 2, 0));
  return norm(learned.map((value, i) => value - (best[i] as number))) / norm(best);
}
