/** Scores over K: prefixes of one stream of latents, rising towards the exact log-likelihood, and the boundary. */
import { describe, expect, it } from 'vitest';
import { UserError } from '../src/gpu/errors.ts';
import { type LatentSweepOptions, latentSweep } from '../src/likelihood/latent-sweep.ts';
import { logDensities } from '../src/likelihood/linear-gaussian.ts';
import { Scorer } from '../src/likelihood/scorer.ts';
import { mlp } from '../src/nn/architectures.ts';
import { describeGpu } from './support/device.ts';
import { drawn, randomLinear, untrained } from './support/models.ts';

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

describeGpu('latentSweep', (device) => {
  const small = untrained(mlp({ sample: [6], latent: 3, hidden: [16] }));
  const images = { data: new Float32Array(30).map((_, i) => (i % 7) / 7), shape: [5, 6] };

  it('gives for each K what a scorer of that K gives, with progress over all of them', async () => {
    const steps: number[] = [];
    const latents = [3, 10, 70];
    const onProgress = (done: number): void => void steps.push(done);
    const swept = await latentSweep(device, small, images, { latents, seed: 4, lambda: 0.3, onProgress });
    expect(swept.map((scores) => scores.latents)).toEqual(latents);
    for (const [i, k] of latents.entries()) {
      using scorer = await Scorer.create(device, small, { latents: k, seed: 4, lambda: 0.3 });
      expect(swept[i]).toEqual(await scorer.score(images));
    }
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(steps.at(-1)).toBe(1);
  });

  it('takes the first latents of one stream: no weight that a smaller K has is lost in a larger one', async () => {
    const [few, many] = await latentSweep(device, small, images, { latents: [5, 80], seed: 2 });
    // Σ eˢ over the first 5 is part of that over all 80.
    few!.importance.forEach((value, i) =>
      expect(value + Math.log(5)).toBeLessThanOrEqual(many!.importance[i]! + Math.log(80) + 1e-5),
    );
    few!.nearestCost!.forEach((cost, i) => expect(cost).toBeGreaterThanOrEqual(many!.nearestCost![i]!));
  });

  it('rises in expectation, and stays below the exact log-likelihood', async () => {
    const { model, law } = randomLinear({ d: 6, r: 3, lambda: 0.3 });
    const data = drawn(law, 40);
    const exact = mean(logDensities(law, data));
    const latents = [4, 32, 256, 2048];
    const seeds = 6;
    const means = latents.map(() => 0);
    for (let seed = 0; seed < seeds; seed++) {
      const swept = await latentSweep(device, model, { data, shape: [40, 6] }, { latents, seed });
      swept.forEach(({ importance }, i) => (means[i]! += mean(importance) / seeds));
    }
    const gaps = means.map((value) => exact - value);
    // Far apart as the gaps are, the six repeats cannot turn them round.
    gaps.slice(1).forEach((gap, i) => expect(gap).toBeLessThan(gaps[i]! / 2));
    expect(gaps.at(-1)).toBeGreaterThan(-0.01);
    expect(gaps.at(-1)).toBeLessThan(0.1);
  });

  describe('the boundary', () => {
    it.each<[readonly number[], RegExp]>([
      [[], /latentSweep: latents is empty/],
      [[0, 5], /latents is 0; must be a whole number from 1 on/],
      [[5, 7.5], /latents is 7.5; must be a whole number/],
      [[5, Number.NaN], /latents is NaN; must be a whole number/],
      [[100, 10], /latents are 100, 10, and 10 does not rise above 100; give each K once, in rising order/],
      [[10, 10], /10 does not rise above 10/],
      [[10, 2 ** 25], /latents is 33554432; must be a whole number from 1 to/],
    ])('refuses %o', async (latents, message) => {
      const refused = latentSweep(device, small, images, { latents });
      await expect(refused).rejects.toThrow(UserError);
      await expect(refused).rejects.toThrow(message);
    });

    it('stops when told to, and leaves no buffers', async () => {
      const live = device.liveBuffers;
      const stop = new AbortController();
      const options: LatentSweepOptions = {
        latents: [4, 8],
        signal: stop.signal,
        onProgress: () => stop.abort(),
      };
      await expect(latentSweep(device, small, images, options)).rejects.toThrow(/abort/i);
      expect(device.liveBuffers).toBe(live);
    });
  });
});
