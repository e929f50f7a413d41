/**
 * Scores over K: how the estimates change with the number of latents. All are from one stream of prior latents, of which each K
 * takes the first: E L_K rises with K towards log f(y), so that a curve that still rises says that L_K is still low, and one
 * that is level says that more latents will not change it (or that none of them has met where the weight is: see the ESS).
 */
import type { Device } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import type { Model } from '../gan/model.ts';
import { type ScoreOptions, Scorer, type ScorerOptions, type Scores } from './scorer.ts';

export interface LatentSweepOptions extends Omit<ScorerOptions, 'latents' | 'proposal'>, ScoreOptions {
  /** K, rising. */
  readonly latents: readonly number[];
}

/**
 * Scores of images from the first K latents, for each K. The work is that of all K together.
 * @param images as for `Scorer.score`.
 * @returns scores for each K, in their order.
 * @throws UserError where `latents` is empty or does not rise, and as `Scorer` does.
 */
export async function latentSweep(
  device: Device,
  model: Model,
  images: Parameters<Scorer['score']>[0],
  options: LatentSweepOptions,
): Promise<Scores[]> {
  const { latents, signal, onProgress, ...scorerOptions } = options;
  check(latents);
  const total = latents.reduce((sum, k) => sum + k, 0);
  const scores: Scores[] = [];
  let done = 0;
  // The largest first, so that one out of range is refused before the work.
  for (const k of latents.toReversed()) {
    using scorer = await Scorer.create(device, model, { ...scorerOptions, latents: k });
    const scored = await scorer.score(images, {
      ...(signal ? { signal } : {}),
      onProgress: (share) => onProgress?.((done + share * k) / total),
    });
    scores.unshift(scored);
    done += k;
  }
  return scores;
}

function check(latents: readonly number[]): void {
  if (latents.length === 0) throw new UserError('latentSweep: latents is empty; give one number or more');
  const bad = latents.find((k) => !Number.isInteger(k) || k < 1);
  if (bad !== undefined)
    throw new UserError(`latentSweep: latents is ${bad}; must be a whole number from 1 on`);
  const fall = latents.findIndex((k, i) => i > 0 && k <= (latents[i - 1] as number));
  if (fall > 0)
    throw new UserError(
      `latentSweep: latents are ${latents.join(', ')}, and ${latents[fall]} does not rise above ${latents[fall - 1]}; give each K once, in rising order`,
    );
}
