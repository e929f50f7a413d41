/** Intervals of a mean over the samples themselves, by hand. */
import { describe, expect, it } from 'vitest';
import { ownMeanInterval } from '../src/likelihood/interval.ts';

const VALUES = [-5, -3];
/** Without one of two banks each: means of −5 and −4. */
const WITHOUT_BANK = [
  [-6, -4],
  [-4, -4],
];

describe('the interval of a mean over these very samples', () => {
  // centre = 2·(−4) − (−4.5) = −3.5; jackknife variance ½·(0.5² + 0.5²) = 0.25; bias 0.5; t₁ = 12.7062
  const halfOf = (variance: number): number => 12.7062 * Math.sqrt(variance);

  it('counts the square of the bias one and a half times where the samples share their latents', () => {
    const { value, low, high } = ownMeanInterval(VALUES, WITHOUT_BANK);
    expect(value).toBe(-4);
    expect((low + high) / 2).toBeCloseTo(-3.5, 12);
    expect((high - low) / 2).toBeCloseTo(halfOf(0.25 + 1.5 * 0.5 ** 2), 12);
    expect(ownMeanInterval(VALUES, WITHOUT_BANK, { latents: 'shared' })).toEqual({ value, low, high });
  });

  it('counts it as an error of each sample where they have their own', () => {
    const { low, high } = ownMeanInterval(VALUES, WITHOUT_BANK, { latents: 'own' });
    expect((low + high) / 2).toBeCloseTo(-3.5, 12);
    expect((high - low) / 2).toBeCloseTo(halfOf(0.25 + (1.5 * 0.5 ** 2) / 2), 12);
  });

  it('is NaN of one bank, and refuses none of the values and more than eight banks', () => {
    expect(ownMeanInterval(VALUES, [VALUES])).toEqual({ value: -4, low: Number.NaN, high: Number.NaN });
    expect(() => ownMeanInterval([], WITHOUT_BANK)).toThrow('no values');
    expect(() =>
      ownMeanInterval(
        VALUES,
        Array.from({ length: 9 }, () => VALUES),
      ),
    ).toThrow('9 banks');
  });
});
