/**
 * How far samples of a generator are from each other: the mean Euclidean distance √Σ(a − b)² over all pairs of some
 * samples. Near 0 where the generator gives one image whatever the latent.
 */
import { Scorer } from '../src/likelihood/scorer.ts';
import type { Model } from '../src/gan/model.ts';
import type { Device } from '../src/gpu/device.ts';

/** Samples compared: 2016 pairs. */
const SAMPLES = 64;

export interface SampleSpread {
  readonly samples: number;
  /** In units of the data: of a pixel's full range. */
  readonly meanDistance: number;
}

export async function sampleSpread(device: Device, model: Model, seed: number): Promise<SampleSpread> {
  using scorer = await Scorer.create(device, model, { latents: 1 });
  const data = await scorer.sample(SAMPLES, { seed });
  return { samples: SAMPLES, meanDistance: meanPairDistance(data, SAMPLES) };
}

/** Mean Euclidean distance over all pairs of `count` rows. */
export function meanPairDistance(data: Float32Array, count: number): number {
  const d = data.length / count;
  let total = 0;
  for (let a = 0; a < count; a++) {
    for (let b = 0; b < a; b++) {
      let sum = 0;
      for (let p = 0; p < d; p++) sum += ((data[a * d + p] as number) - (data[b * d + p] as number)) ** 2;
      total += Math.sqrt(sum);
    }
  }
  return total / ((count * (count - 1)) / 2);
}
