/** Ranking measures, weights, Pareto k̂, normalisers, bits per dimension and intervals against known answers in float64. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { threefryNormals } from '../src/data/random.ts';
import { mergeStates } from '../src/likelihood/banks.ts';
import { bitsPerDimension } from '../src/likelihood/bits-per-dimension.ts';
import { finishImportance } from '../src/likelihood/finish.ts';
import { jackknifeVariance, meanInterval } from '../src/likelihood/interval.ts';
import { logNormaliser } from '../src/likelihood/log-normaliser.ts';
import { paretoK, tailLength } from '../src/likelihood/pareto.ts';
import { auroc, averagePrecision, fpr95, separation } from '../src/likelihood/separation.ts';
import { type LikelihoodCost, STATE_FLOATS } from '../src/ops/log-likelihood.ts';

interface OracleCase {
  readonly name: string;
  readonly inputs: Readonly<Record<string, { readonly data: readonly number[] } | undefined>>;
  readonly params: Readonly<Record<string, number>>;
  readonly expected: Readonly<Record<string, number>>;
}
const { cases } = JSON.parse(readFileSync(new URL('oracles/metrics.json', import.meta.url), 'utf8')) as {
  cases: readonly OracleCase[];
};
const ranking = cases.filter(({ inputs }) => inputs['scores']);
const weights = cases.filter(({ inputs }) => inputs['logWeights']);
const bits = cases.filter(({ expected }) => expected['bitsPerDim'] !== undefined);

function expectNear(actual: number, expected: number): void {
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(1e-9 * Math.max(1e-3, Math.abs(expected)));
}

/** Positive and negative scores of a case. */
function setsOf({ inputs }: OracleCase): [Float64Array, Float64Array] {
  const scores = Float64Array.from(inputs['scores']!.data);
  const labels = inputs['labels']!.data;
  return [scores.filter((_, i) => labels[i] === 1), scores.filter((_, i) => labels[i] === 0)];
}

it('reads every case', () => {
  expect(ranking.length + weights.length + bits.length).toBe(cases.length);
  expect(Math.min(ranking.length, weights.length, bits.length)).toBeGreaterThan(0);
});

describe('separation', () => {
  it.each(ranking)('$name', (one) => {
    const [positive, negative] = setsOf(one);
    expectNear(auroc(positive, negative), one.expected['auroc']!);
    expectNear(averagePrecision(positive, negative), one.expected['aupr']!);
    expectNear(fpr95(positive, negative), one.expected['fprAt95Tpr']!);
    const all = separation(positive, negative, { resamples: 50 });
    expect(all.auroc.value).toBe(auroc(positive, negative));
    for (const { value, low, high } of Object.values(all)) {
      expect(low).toBeLessThanOrEqual(high);
      expect(low).toBeGreaterThanOrEqual(0);
      expect(high).toBeLessThanOrEqual(1);
      expect(Number.isFinite(value)).toBe(true);
    }
  });

  it('mirrors when the sets change places', () => {
    const [positive, negative] = setsOf(ranking[1]!);
    expectNear(auroc(positive, negative) + auroc(negative, positive), 1);
  });

  it('gives the same intervals for the same seed, others for another', () => {
    const [positive, negative] = setsOf(ranking[0]!);
    const first = separation(positive, negative, { seed: 3 });
    expect(separation(positive, negative, { seed: 3 })).toEqual(first);
    expect(separation(positive, negative, { seed: 4 })).not.toEqual(first);
  });

  it('covers the true AUROC about 95 times in 100', () => {
    // N(1, 1) against N(0, 1): AUROC = Φ(1/√2)
    const truth = 0.7602499389065233;
    let covered = 0;
    for (let trial = 0; trial < 200; trial++) {
      const positive = threefryNormals(60, [trial, 77]).map((x) => x + 1);
      const negative = threefryNormals(60, [trial, 78]);
      const { low, high } = separation(positive, negative, { seed: trial, resamples: 300 }).auroc;
      if (low <= truth && truth <= high) covered++;
    }
    // 190 are expected with a standard deviation of 3; the bootstrap itself is a little short of 95 %.
    expect(covered).toBeGreaterThanOrEqual(178);
    expect(covered).toBeLessThan(200);
  });

  it('refuses empty sets, NaN and options out of range', () => {
    expect(() => auroc([], [1])).toThrow(/no positive scores/);
    expect(() => fpr95([1], [2, Number.NaN])).toThrow(/negative score 1 is NaN/);
    expect(() => separation([1], [2], { resamples: 0 })).toThrow(/resamples is 0/);
  });
});

describe('importance weights', () => {
  it.each(weights)('$name', ({ inputs, expected }) => {
    // A bank for each weight, whose state is that of a single latent.
    const banks = inputs['logWeights']!.data.map((s) => {
      const state = new Float64Array(STATE_FLOATS);
      state.set([s, 1, 1]);
      return state;
    });
    const model = { count: banks.length, d: 1, cost: 'l1', lambda: 0.7 } as const;
    const estimates = finishImportance(mergeStates(banks, 0.7), model);
    expectNear(estimates.importance[0]! - estimates.logC, expected['logMeanExp']!);
    expectNear(estimates.essImportance[0]!, expected['ess']!);
    expectNear(estimates.maxWeightImportance[0]!, expected['maxWeight']!);
  });
});

describe('Pareto k̂', () => {
  it.each(weights)('$name', ({ inputs, expected }) => {
    const rising = Float64Array.from(inputs['logWeights']!.data).sort();
    const count = rising.length;
    const length = tailLength(count);
    expect(length).toBe(expected['tailLength']);
    expectNear(paretoK(rising, count), expected['kHat']!);
    // Without the shrinkage towards ½.
    expectNear(((length + 10) * paretoK(rising, count) - 5) / length, expected['kHatRaw']!);
    const tail = rising.slice(-length - 1);
    expect(paretoK(tail, count)).toBe(paretoK(rising, count));
    expectNear(
      paretoK(
        tail.map((x) => x + 500),
        count,
      ),
      expected['kHat']!,
    );
  });

  it('stays a number above 0.7 where all weights but one underflow', () => {
    for (const spacing of [10, 100, 1000, 1e6]) {
      const k = paretoK(
        Float64Array.from({ length: 500 }, (_, i) => i * spacing),
        500,
      );
      expect(k).toBeGreaterThan(5);
      expect(k).toBeLessThan(1000);
    }
  });

  it('is NaN where there is nothing to fit', () => {
    expect(paretoK([0], 1)).toBeNaN();
    expect(paretoK([1, 2, 3, 4, 5], 20)).toBeNaN();
    expect(paretoK(new Float64Array(100), 100)).toBeNaN();
  });

  it('takes a shorter tail than it would like', () => {
    const rising = threefryNormals(10_000, [5, 79]).sort();
    const all = paretoK(rising, 10_000);
    expect(Math.abs(paretoK(rising.slice(-200), 10_000) - all)).toBeLessThan(0.3);
  });
});

describe('bits per dimension', () => {
  it.each(bits)('$name', ({ params, expected }) => {
    const [logLikelihood, d] = [params['logLikelihood']!, params['d']!];
    expectNear(bitsPerDimension(logLikelihood, d, { levels: null }), expected['bitsPerDim']!);
    expectNear(bitsPerDimension(logLikelihood, d, { levels: 255 }), expected['bitsPerDimBin255']!);
    expectNear(bitsPerDimension(logLikelihood, d, { levels: 256 }), expected['bitsPerDimBin256']!);
    const atScale255 = expected['logLikelihoodAtScale255']!;
    expectNear(bitsPerDimension(atScale255, d, { levels: null }), expected['bitsPerDimBin255']!);
  });
});

describe('the normalising constant', () => {
  // ∫ exp(−l(y)/λ) dy over a line, by the midpoint rule.
  const integral = (cost: (y: number) => number, lambda: number): number => {
    let sum = 0;
    for (let y = -60; y < 60; y += 1e-4) sum += Math.exp(-cost(y + 5e-5) / lambda) * 1e-4;
    return sum;
  };
  const costs: readonly [LikelihoodCost, (y: number) => number][] = [
    ['l1', Math.abs],
    ['squared', (y) => y * y],
    ['half-squared', (y) => y * y * 0.5],
  ];
  it.each(costs)('of %s makes the density integrate to 1', (name, cost) => {
    for (const lambda of [0.3, 2])
      expect(logNormaliser(name, 3, lambda)).toBeCloseTo(-3 * Math.log(integral(cost, lambda)), 7);
  });

  it('refuses cosine, λ ≤ 0 and d = 0', () => {
    expect(() => logNormaliser('cosine' as LikelihoodCost, 3, 1)).toThrow(/cosine.*not normalisable/);
    expect(() => logNormaliser('l3' as LikelihoodCost, 3, 1)).toThrow(/unknown cost l3/);
    expect(() => logNormaliser('l1', 3, 0)).toThrow(/lambda is 0/);
    expect(() => logNormaliser('l1', 0, 1)).toThrow(/d is 0/);
  });
});

describe('intervals of means', () => {
  it('is the normal interval of a mean', () => {
    const { value, low, high } = meanInterval([1, 2, 3, 4]);
    expect(value).toBe(2.5);
    expect((high - low) / 2).toBeCloseTo(1.959964 * Math.sqrt(5 / 3 / 4), 6);
    expect((high + low) / 2).toBeCloseTo(2.5, 12);
  });

  it('adds the variance between banks', () => {
    const values = [1, 2, 3, 4];
    const banks = [0.5, -0.5].map((shift) => values.map((x) => x + shift));
    const { low, high } = meanInterval(values, banks);
    // (B − 1)/B Σ (±0.5)² = 0.25
    expect((high - low) / 2).toBeCloseTo(1.959964 * Math.sqrt(5 / 3 / 4 + 0.25), 6);
  });

  it('has no width to give for one value, and refuses none', () => {
    expect(meanInterval([3]).value).toBe(3);
    expect(meanInterval([3]).low).toBeNaN();
    expect(() => meanInterval([])).toThrow(/no values/);
  });

  it('jackknifes a mean to its textbook variance', () => {
    const values = threefryNormals(24, [8, 80]);
    const total = values.reduce((a, b) => a + b, 0);
    const without = values.map((x) => (total - x) / 23);
    const squares = values.reduce((sum, x) => sum + (x - total / 24) ** 2, 0);
    expectNear(jackknifeVariance(without), squares / 23 / 24);
  });
});
