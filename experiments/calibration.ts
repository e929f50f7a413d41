/**
 * Whether the estimators are what they are said to be, on linear generators, whose likelihood is known exactly:
 *   bounds     over many repeats with latents of their own the mean of no estimator exceeds log f(y) by more than chance
 *   coverage   over many simulated data sets the 95 % intervals hold the mean of log f over the set's samples 95 % of the time
 * The generators are the best ones for Gaussian data of a stated spectrum (src/data/gaussian.ts) under noise of variance λ.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { join } from 'node:path';
import { type DeviceOptions, wholeNumber, withDeviceOptions } from '../src/cli/options.ts';
import { table } from '../src/cli/output.ts';
import { dataset, rows, select } from '../src/data/dataset.ts';
import { gaussianData } from '../src/data/gaussian.ts';
import { threefryNormals } from '../src/data/random.ts';
import { UserError } from '../src/gpu/errors.ts';
import { anneal } from '../src/likelihood/annealing.ts';
import { smallestLambda } from '../src/likelihood/coupling-nats.ts';
import { ownMeanInterval } from '../src/likelihood/interval.ts';
import {
  type LinearGaussian,
  logDensities,
  optimalLinearGenerator,
} from '../src/likelihood/linear-gaussian.ts';
import { type ScorerOptions, Scorer } from '../src/likelihood/scorer.ts';
import { writeWhole } from '../src/node/files.ts';
import { type Laboratory, kept } from './laboratory.ts';
import { modelOfLaw } from './linear-model.ts';

export interface CalibrationOptions extends DeviceOptions {
  readonly dims: readonly number[];
  readonly lambdas: readonly number[];
  readonly repeats: number;
  readonly sets: number;
  readonly seed: number;
  readonly out: string;
  readonly json: boolean;
}

export function withCalibration(command: Command): Command {
  command
    .option('--dims <list>', 'data dimensions', numbers(wholeNumber(1)), [5, 10, 20, 30, 64])
    .option('--lambdas <list>', 'variances of the noise', numbers(positive), [0.1, 0.5, 2, 10, 20])
    .option('--repeats <n>', 'estimates of each observation', wholeNumber(2), 200)
    .option('--sets <n>', 'simulated data sets for the coverage; 0 leaves it out', wholeNumber(0), 1000)
    .option('--seed <n>', 'of everything', wholeNumber(0), 1)
    .option('--out <folder>', 'folder to write to, and to go on in', 'results/calibration')
    .option('--json', 'the result as JSON on stdout', false);
  return withDeviceOptions(command);
}

/** Repeats of one estimator against the exact log-likelihood of one observation, in nats. */
export interface BoundCheck {
  readonly d: number;
  readonly lambda: number;
  readonly estimator: string;
  readonly observation: number;
  readonly exact: number;
  readonly mean: number;
  readonly standardError: number;
  /** (mean − exact − 1e-5·(1 + |exact|)) in standard errors: a lower bound has it below about 4.5. */
  readonly excess: number;
}

export interface Coverage {
  readonly d: number;
  readonly lambda: number;
  /** Divergence of the optimal coupling at this λ. */
  readonly nats: number;
  readonly estimator: string;
  readonly sets: number;
  /** Share of the sets whose interval holds the truth. */
  readonly covered: number;
  /** Mean width of the intervals, and mean of the estimate less the truth; nats. */
  readonly width: number;
  readonly bias: number;
}

/** Observations of each generator in the check of the bounds. */
const OBSERVATIONS = 2;
/** More standard errors than this above the truth are no chance. */
const MOST_EXCESS = 4.5;
/** Samples of each simulated data set. */
const SET_SIZE = 20;
/** Coverage is promised up to this dimension. */
const MOST_COVERED_DIMS = 10;
/** The divergences of the optimal coupling that λ is chosen by for the coverage, in nats: easy for the prior, and hard. */
const COUPLING_NATS = [1, 5] as const;

export async function calibration(lab: Laboratory, options: CalibrationOptions): Promise<void> {
  const { dims, lambdas, repeats, sets, seed } = options;
  const covered = sets > 0 ? dims.filter((d) => d <= MOST_COVERED_DIMS) : [];
  const bar = lab.output.progress(
    'calibrating',
    dims.length * lambdas.length + covered.length * COUPLING_NATS.length,
  );
  const bounds: BoundCheck[] = [];
  const coverage: Coverage[] = [];
  let done = 0;
  try {
    for (const d of dims)
      for (const lambda of lambdas) {
        bar.update(done++, `bounds, d = ${d}, λ = ${lambda}`);
        const key = `bounds ${JSON.stringify({ d, lambda, repeats, seed })}`;
        bounds.push(...(await kept(lab, key, () => checkBounds(lab, { d, lambda, repeats, seed }))));
      }
    for (const d of covered)
      for (const nats of COUPLING_NATS) {
        bar.update(done++, `coverage, d = ${d}, ${nats} nats`);
        const key = `coverage ${JSON.stringify({ d, nats, sets, seed })}`;
        coverage.push(...(await kept(lab, key, () => checkCoverage(lab, { d, nats, sets, seed }))));
      }
  } finally {
    bar.stop();
  }
  const result = {
    experiment: 'calibration',
    adapter: lab.device.adapter.description || lab.device.adapter.device,
    seed,
    repeats,
    bounds,
    coverage,
  };
  await writeWhole(join(lab.path, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  await writeWhole(join(lab.path, 'bounds.csv'), csvOf(bounds));
  lab.output.record(result);
  lab.output.text(describe(bounds, coverage));
  lab.output.text(`\nwrote ${join(lab.path, 'result.json')}\nwrote ${join(lab.path, 'bounds.csv')}`);
  const above = bounds.filter(({ excess }) => excess > MOST_EXCESS);
  if (above.length > 0)
    throw new UserError(
      `calibration: ${above.length} of ${bounds.length} means lie above the exact log-likelihood by more than ${MOST_EXCESS} standard errors; see ${join(lab.path, 'bounds.csv')}`,
    );
}

/** The best linear generator for Gaussian data of d dimensions, and the data's own law. */
function worldOf(d: number, lambda: number, seed: number) {
  const { dataset: test, covariance } = gaussianData({ dims: d, split: 'test', seed, limit: OBSERVATIONS });
  const best = optimalLinearGenerator({ mean: new Float64Array(d), covariance }, lambda);
  if (best.latent === 0)
    throw new UserError(
      `calibration: λ = ${lambda} is above every variance of the data at d = ${d}; give a smaller one`,
    );
  return { test, ...modelOfLaw(best, seed) };
}

async function checkBounds(
  { device, signal }: Laboratory,
  { d, lambda, repeats, seed }: { d: number; lambda: number; repeats: number; seed: number },
): Promise<BoundCheck[]> {
  const { test, model, law } = worldOf(d, lambda, seed);
  const observations = rows(test, 0, OBSERVATIONS);
  const exact = logDensities(law, observations);
  /** Each observation `repeats` times: proposals and chains of their own for every copy. */
  const copies = new Float32Array(OBSERVATIONS * repeats * d);
  for (let i = 0; i < OBSERVATIONS * repeats; i++)
    copies.set(observations.subarray(Math.floor(i / repeats) * d, (Math.floor(i / repeats) + 1) * d), i * d);
  const repeated = dataset({ data: copies, shape: [OBSERVATIONS * repeats, d], name: 'copies' });
  const found = new Map<string, Float64Array>();
  const score = async (name: string, scorerOptions: ScorerOptions): Promise<void> => {
    using scorer = await Scorer.create(device, model, { seed, ...scorerOptions });
    const { importance, surrogate } = await scorer.score(repeated, { signal });
    found.set(`importance, ${name}`, importance).set(`surrogate, ${name}`, surrogate);
  };
  // Images share the latents of the prior: every repeat is a scorer with another seed.
  const prior = ['importance', 'surrogate'].map((kind) => {
    const values = new Float64Array(OBSERVATIONS * repeats);
    found.set(`${kind}, prior K = 100`, values);
    return values;
  }) as [Float64Array, Float64Array];
  for (let repeat = 0; repeat < repeats; repeat++) {
    using scorer = await Scorer.create(device, model, { seed: seed + repeat, latents: 100 });
    const { importance, surrogate } = await scorer.score(test, { signal });
    for (let i = 0; i < OBSERVATIONS; i++) {
      prior[0][i * repeats + repeat] = importance[i] as number;
      prior[1][i * repeats + repeat] = surrogate[i] as number;
    }
  }
  await score('Laplace K = 16', { proposal: 'laplace', latents: 16 });
  const annealed = await anneal(device, model, repeated, { seed, chains: 4, steps: 50, signal });
  found.set('AIS, 4 chains, 50 steps', annealed.importance);
  return [...found].flatMap(([estimator, values]) =>
    Array.from({ length: OBSERVATIONS }, (_, observation): BoundCheck => {
      const own = values.subarray(observation * repeats, (observation + 1) * repeats);
      const mean = own.reduce((sum, value) => sum + value, 0) / repeats;
      const squares = own.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      const standardError = Math.sqrt(squares / (repeats - 1) / repeats);
      const truth = exact[observation] as number;
      const excess = (mean - truth - 1e-5 * (1 + Math.abs(truth))) / standardError;
      return { d, lambda, estimator, observation, exact: truth, mean, standardError, excess };
    }),
  );
}

async function checkCoverage(
  { device, signal }: Laboratory,
  { d, nats, sets, seed }: { d: number; nats: number; sets: number; seed: number },
): Promise<Coverage[]> {
  const { spectrum } = gaussianData({ dims: d, split: 'test', seed, limit: 1 });
  const lambda = smallestLambda(spectrum, nats);
  const { model, law } = worldOf(d, lambda, seed);
  const all = dataset({ data: simulated(law, sets * SET_SIZE, seed), shape: [sets * SET_SIZE, d] });
  const exact = logDensities(law, rows(all, 0, all.count));
  const truths = Array.from({ length: sets }, (_, s) => {
    const own = exact.subarray(s * SET_SIZE, (s + 1) * SET_SIZE);
    return own.reduce((sum, value) => sum + value, 0) / SET_SIZE;
  });
  const tell = (estimator: string, intervals: readonly ReturnType<typeof ownMeanInterval>[]): Coverage => {
    const mean = (of: (s: number) => number): number =>
      truths.reduce((sum, _, s) => sum + of(s), 0) / truths.length;
    return {
      d,
      lambda,
      nats,
      estimator,
      sets,
      covered: mean((s) => {
        const { low, high } = intervals[s] as { low: number; high: number };
        return Number(low <= (truths[s] as number) && (truths[s] as number) <= high);
      }),
      width: mean((s) => (intervals[s]?.high as number) - (intervals[s]?.low as number)),
      bias: mean((s) => (intervals[s]?.value as number) - (truths[s] as number)),
    };
  };
  /** The intervals of every set, from the estimates of all samples in a row. */
  const split = (values: Float64Array, withoutBank: readonly Float64Array[]) =>
    truths.map((_, s) => {
      const part = (of: Float64Array): Float64Array => of.subarray(s * SET_SIZE, (s + 1) * SET_SIZE);
      return ownMeanInterval(part(values), withoutBank.map(part), { latents: 'own' });
    });
  using scorer = await Scorer.create(device, model, { seed, proposal: 'laplace', latents: 64 });
  const laplace = await scorer.score(all, { signal });
  const annealed = await anneal(device, model, all, { seed, chains: 16, steps: 100, signal });
  // Of the prior every set has latents of its own, from a scorer with another seed.
  const prior: ReturnType<typeof ownMeanInterval>[] = [];
  for (let s = 0; s < sets; s++) {
    using own = await Scorer.create(device, model, { seed: seed + s, latents: 2000 });
    const scores = await own.score(select(all, { offset: s * SET_SIZE, limit: SET_SIZE }), { signal });
    prior.push(ownMeanInterval(scores.importance, scores.importanceWithoutBank));
  }
  return [
    tell('Laplace, K = 64', split(laplace.importance, laplace.importanceWithoutBank)),
    tell('AIS, 16 chains, 100 steps', split(annealed.importance, annealed.importanceWithoutBank)),
    tell('prior, K = 2000', prior),
  ];
}

/** Stream of the simulated observations; those of the library begin at 1. */
const SIMULATION = 0x63616c69;

/** `count` observations of the model, [count, d]. */
function simulated(
  { generator, bias, latent, noise }: LinearGaussian,
  count: number,
  seed: number,
): Float32Array<ArrayBuffer> {
  const d = bias.length;
  const all = new Float32Array(count * d);
  for (let i = 0; i < count; i++) {
    const normals = threefryNormals(latent + d, [seed, SIMULATION], i);
    for (let p = 0; p < d; p++) {
      let value = (bias[p] as number) + Math.sqrt(noise) * (normals[latent + p] as number);
      for (let k = 0; k < latent; k++)
        value += (generator[p * latent + k] as number) * (normals[k] as number);
      all[i * d + p] = value;
    }
  }
  return all;
}

/** The worst of each estimator over all generators and observations, and the coverage. */
function describe(bounds: readonly BoundCheck[], coverage: readonly Coverage[]): string {
  const estimators = [...new Set(bounds.map(({ estimator }) => estimator))];
  const worst = estimators.map((estimator) => {
    const own = bounds.filter((check) => check.estimator === estimator);
    const highest = own.reduce((a, b) => (b.excess > a.excess ? b : a));
    const gap = own.reduce((sum, { exact, mean }) => sum + exact - mean, 0) / own.length;
    return [
      estimator,
      own.length,
      highest.excess.toFixed(2),
      `d = ${highest.d}, λ = ${highest.lambda}`,
      gap.toFixed(3),
      Math.max(...own.map(({ exact, mean }) => exact - mean)).toFixed(3),
    ];
  });
  return [
    table([
      ['estimator', 'checks', 'most above exact (s.e.)', 'at', 'mean gap (nats)', 'largest gap'],
      ...worst,
    ]),
    ...(coverage.length === 0
      ? []
      : [
          '',
          table([
            ['95 % intervals of', 'd', 'λ', 'nats', 'data sets', 'hold the truth', 'mean width', 'mean bias'],
            ...coverage.map(({ estimator, d, lambda, nats, sets, covered, width, bias }) => [
              estimator,
              d,
              lambda.toFixed(3),
              nats,
              sets,
              `${(100 * covered).toFixed(1)} %`,
              width.toFixed(4),
              bias.toFixed(4),
            ]),
          ]),
        ]),
  ].join('\n');
}

function csvOf(bounds: readonly BoundCheck[]): string {
  const columns = [
    'd',
    'lambda',
    'estimator',
    'observation',
    'exact',
    'mean',
    'standardError',
    'excess',
  ] as const;
  const lines = bounds.map((check) =>
    columns.map((name) => (name === 'estimator' ? `"${check[name]}"` : check[name])).join(','),
  );
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}

function numbers(parse: (text: string) => number) {
  return (text: string): number[] => text.split(',').map(parse);
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('give numbers above 0');
  return value;
}
