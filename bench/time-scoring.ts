/**
 * Scoring images under the untrained model of a workload, from the prior: L_K of some images is first held against float64 sums
 * over the same generated samples. What is timed is `score` of N images with the bank of K latents kept, all that comes back read.
 */
import { rows } from '../src/data/dataset.ts';
import { glyphs } from '../src/data/glyphs.ts';
import { threefryNormals } from '../src/data/random.ts';
import { STREAMS } from '../src/gan/streams.ts';
import { Trainer } from '../src/gan/trainer.ts';
import type { Device } from '../src/gpu/device.ts';
import { Scorer } from '../src/likelihood/scorer.ts';
import { exactEstimates, someRows } from './likelihood-agreement.ts';
import { type Workload, trainerOptions } from './workload.ts';

const CHECKED = 4;
const SEED = 3;
/** In nats: a sum of float32 exponentials, relative to its largest, has an error of this order at most. */
const ALLOWED_NATS = 1e-4;

export interface OpenScoring extends Disposable {
  /** The largest difference of L_K from float64, in nats. */
  readonly nats: number;
  /** Scores all images `count` times. */
  readonly run: (count: number) => Promise<void>;
}

/** @throws Error where a likelihood is wrong. */
export async function openScoring(
  device: Device,
  workload: Workload,
  { images, latents }: { readonly images: number; readonly latents: number },
): Promise<OpenScoring> {
  using trainer = await Trainer.create(device, trainerOptions(workload, 2));
  const model = await trainer.model();
  const scorer = await Scorer.create(device, model, { latents, seed: SEED });
  try {
    const set = glyphs({ limit: images });
    const scores = await scorer.score(set);
    const bank = threefryNormals(latents * workload.model.latent, [SEED, STREAMS.scoring]);
    const d = set.shape.reduce((product, size) => product * size, 1);
    const checked = someRows(images, Math.min(images, CHECKED));
    const exact = exactEstimates(
      {
        observations: { data: rows(set, 0, images), shape: [images, d] },
        generated: { data: await scorer.generate(Float32Array.from(bank)), shape: [latents, d] },
        latents: { data: Float32Array.from(bank), shape: [latents, workload.model.latent] },
        criticFake: new Float32Array(latents),
        cost: 'half-squared',
        lambda: scorer.lambda,
        paretoK: false,
      },
      checked,
    );
    const nats = checked.reduce(
      (most, image, i) =>
        Math.max(most, Math.abs((scores.importance[image] as number) - (exact.importance[i] as number))),
      0,
    );
    if (!(nats <= ALLOWED_NATS))
      throw new Error(
        `bench: L_K of ${workload.name} is off by ${nats.toExponential(2)} nats, allowed ${ALLOWED_NATS}; no timing of a wrong result`,
      );
    return {
      nats,
      run: async (count) => {
        for (let i = 0; i < count; i++) await scorer.score(set);
      },
      [Symbol.dispose]: () => scorer.dispose(),
    };
  } catch (error) {
    scorer.dispose();
    throw error;
  }
}
