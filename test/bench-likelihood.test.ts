/** The likelihood benchmark at small sizes, without tfjs: what it verifies with does find what is wrong. */
import { expect, it } from 'vitest';
import { agree, comparedEstimates, exactEstimates, someRows } from '../bench/likelihood-agreement.ts';
import { runLargeLikelihood } from '../bench/likelihood-large.ts';
import { COMPARED_COSTS, likelihoodWorkload } from '../bench/likelihood-workload.ts';
import { logLikelihood } from '../src/likelihood/log-likelihood.ts';
import { describeGpu } from './support/device.ts';

const SIZES = { observations: 70, latents: 200, dims: 12 };

describeGpu('the likelihood benchmark', (device) => {
  it.each(COMPARED_COSTS)('verifies %s and sees the bytes that it takes', async (cost) => {
    const before = device.liveBytes;
    const { agreement, peakBytes, sampled } = await runLargeLikelihood(device, { ...SIZES, cost });
    expect(agreement.nats).toBeLessThan(1e-4);
    expect(sampled).toBe(16);
    // Observations and generated samples at least, which are gone again.
    expect(peakBytes - before).toBeGreaterThan(4 * (70 + 200) * 12);
    expect(device.liveBytes).toBe(before);
  });

  it('refuses estimates that are off', async () => {
    const workload = likelihoodWorkload(SIZES, 'l1');
    const rows = someRows(SIZES.observations, 5);
    const estimates = comparedEstimates(await logLikelihood(device, workload));
    const exact = exactEstimates(workload, rows);
    const allowed = { nats: 1e-4, weights: 1e-4 };
    agree('the two', estimates, exact, { allowed, rows });
    const withLast = (values: ArrayLike<number>, last: number): number[] => [
      ...Array.from(values).slice(0, -1),
      last,
    ];
    const last = estimates.surrogate[SIZES.observations - 1] as number;
    for (const wrong of [last + 0.001, Number.NaN])
      expect(() =>
        agree('the two', { ...estimates, surrogate: withLast(estimates.surrogate, wrong) }, exact, {
          allowed,
          rows,
        }),
      ).toThrow(/no timing of a wrong result/);
    expect(() =>
      agree('the two', { ...estimates, maxWeight: withLast(estimates.maxWeight, 2) }, exact, {
        allowed,
        rows,
      }),
    ).toThrow(/no timing of a wrong result/);
  });
});

it('the float64 surrogate is at most the importance estimate', () => {
  const exact = exactEstimates(likelihoodWorkload(SIZES, 'half-squared'), [0, 33, 69]);
  for (let i = 0; i < 3; i++)
    expect(exact.surrogate[i] as number).toBeLessThanOrEqual((exact.importance[i] as number) + 1e-9);
});
