/** The slope that benchmarks state of how a cost grows. */
import { describe, expect, it } from 'vitest';
import { logSlope } from '../bench/slope.ts';

describe('the slope of a cost over a size', () => {
  it('is the exponent of a power', () => {
    const power = (exponent: number) => [1, 3, 10, 400].map((x) => [x, 7 * x ** exponent] as const);
    for (const exponent of [1, 2, 0.5, 0, -1]) expect(logSlope(power(exponent))).toBeCloseTo(exponent, 12);
  });

  it('is the least-squares one where points are off the line', () => {
    // log₂ of sizes 0, 1, 2 and of costs 0, 2, 1: Σ(x − 1)(y − 1) = 1, Σ(x − 1)² = 2
    expect(
      logSlope([
        [1, 1],
        [2, 4],
        [4, 2],
      ]),
    ).toBeCloseTo(0.5, 12);
  });
});
