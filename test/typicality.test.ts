/** The typicality test: uniform where nothing is amiss, small where something is, either way. */
import { describe, expect, it } from 'vitest';
import { threefryNormals, threefryUniforms } from '../src/data/random.ts';
import { typicality } from '../src/likelihood/typicality.ts';

const [BATCHES, REFERENCES] = [83, 84];
const normals = (count: number, trial: number, purpose: number): Float64Array =>
  threefryNormals(count, [trial, purpose]);
/** Skewed towards low values, as log-likelihoods are. */
const skewed = (count: number, trial: number, purpose: number): Float64Array =>
  Float64Array.from(threefryUniforms(count, [trial, purpose]), (u) => Math.log(u));

describe('typicality', () => {
  it.each([
    ['normal log-likelihoods, a large reference', normals, 40, 800],
    ['a reference no larger than the batch', normals, 60, 60],
    ['skewed log-likelihoods', skewed, 50, 150],
  ] as const)('is uniform under the null: %s', (_, draw, n, m) => {
    const trials = 400;
    const p = Float64Array.from({ length: trials }, (__, trial) => {
      const options = { seed: trial, resamples: m > 500 ? 100 : 200 };
      return typicality(draw(n, trial, BATCHES), draw(m, trial, REFERENCES), options).pValue;
    }).sort();
    // Kolmogorov & Smirnov's distance to the uniform: above 1.63/√trials once in a hundred.
    const distance = p.reduce((most, value, i) => {
      return Math.max(most, (i + 1) / trials - value, value - i / trials);
    }, 0);
    expect(distance).toBeLessThan(1.63 / Math.sqrt(trials));
  });

  it('is small for a batch that is shifted either way', () => {
    const reference = normals(500, 1, REFERENCES);
    const batch = normals(100, 1, BATCHES);
    expect(typicality(batch, reference).pValue).toBeGreaterThan(0.05);
    // 0.6 is 5.5 standard errors of the difference, 1/100 + 1/500.
    for (const shift of [-0.6, 0.6]) {
      const { difference, pValue } = typicality(
        batch.map((x) => x + shift),
        reference,
      );
      expect(pValue).toBe(1 / 1001);
      expect(Math.sign(difference)).toBe(Math.sign(shift));
    }
  });

  it('finds a smaller shift in a larger batch', () => {
    const reference = normals(4000, 2, REFERENCES);
    const shifted = (count: number): number =>
      typicality(
        normals(count, 2, BATCHES).map((x) => x + 0.25),
        reference,
      ).pValue;
    expect(shifted(5)).toBeGreaterThan(0.05);
    expect(shifted(500)).toBe(1 / 1001);
  });

  it('states the difference of the means, and does not change with unit and origin', () => {
    const [batch, reference] = [normals(30, 3, BATCHES), normals(90, 3, REFERENCES)];
    const mean = (values: Float64Array): number => values.reduce((a, b) => a + b) / values.length;
    const { difference, pValue } = typicality(batch, reference);
    expect(difference).toBeCloseTo(mean(batch) - mean(reference), 12);
    const rescale = (values: Float64Array): Float64Array => values.map((x) => 8 * x - 700);
    expect(typicality(rescale(batch), rescale(reference)).pValue).toBe(pValue);
  });

  it('is 1 for the reference itself', () => {
    const reference = normals(20, 4, REFERENCES);
    expect(typicality(reference, reference)).toEqual({ difference: 0, pValue: 1 });
  });

  it('is the same for a seed, another for another', () => {
    const [batch, reference] = [normals(30, 5, BATCHES), normals(90, 5, REFERENCES)];
    const p = (seed: number): number => typicality(batch, reference, { seed }).pValue;
    expect(p(3)).toBe(p(3));
    expect(p(4)).not.toBe(p(3));
    expect(Math.abs(p(4) - p(3))).toBeLessThan(0.08);
  });

  it('refuses what it cannot test', () => {
    expect(() => typicality([], [1, 2])).toThrow(
      'typicality: the batch has 0 log-likelihoods; give 1 or more',
    );
    expect(() => typicality([1], [1])).toThrow('the reference has 1 log-likelihoods; give 2 or more');
    expect(() => typicality([1, Number.NaN], [1, 2])).toThrow('log-likelihood 1 of the batch is NaN');
    expect(() => typicality([1], [Number.NEGATIVE_INFINITY, 2])).toThrow('0 of the reference is -Infinity');
    expect(() => typicality([1], [1, 2], { resamples: 0.5 })).toThrow('typicality: resamples is 0.5');
    expect(() => typicality([1], [1, 2], { seed: -1 })).toThrow('typicality: seed is -1');
  });
});
