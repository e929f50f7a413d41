/**
 * Log-likelihoods to compare with, scored in the background a slice at a time: test images like those of the training, or samples of
 * the generator where there are none to be had, and other digits.
 */
import { type Dataset, type Scorer, convertImages, glyphs } from '../../src/browser.ts';
import type { Lane } from './lane.ts';
import { digitsText, modelDigits } from './model-digits.ts';

export interface References {
  /** What the images of the training's kind are, e.g. `test images of 1`. */
  readonly ownName: string;
  readonly own: readonly number[];
  /** Of other digits; none where there are none. */
  readonly others: readonly number[];
  /** Share of the work that is done, 0 … 1. */
  readonly done: number;
}

/** Images of each kind. */
const COUNT = 200;
/** Images scored at a time, between which the lane does what is more urgent. */
const SLICE = 40;

interface Slice {
  readonly into: number[];
  readonly images: () => Promise<Dataset | { data: Float32Array; shape: readonly number[] }>;
}

/** Begins to score them, in place of any that are being scored. */
export function scoreReferences(
  lane: Lane,
  scorer: Scorer,
  onProgress: (references: References) => void,
): void {
  const { sample } = scorer.model.configuration.settings.model;
  const { own: digits, others: otherDigits, areGlyphs } = modelDigits(scorer.model);
  const areGrey = sample.length === 3 && sample[2] === 1;
  const own: number[] = [];
  const others: number[] = [];
  const size = [sample[0] ?? 0, sample[1] ?? 0] as const;
  const drawn =
    (labels: readonly number[], offset: number): Slice['images'] =>
    async () =>
      convertImages(glyphs({ labels, split: 'test', offset, limit: SLICE }), { size });
  const sampled =
    (index: number): Slice['images'] =>
    async () => ({ data: await scorer.sample(SLICE, { seed: 1000 + index }), shape: [SLICE, ...sample] });
  const slices = Array.from({ length: COUNT / SLICE }, (_, index): Slice[] => {
    const offset = index * SLICE;
    return [
      { into: own, images: areGlyphs && areGrey ? drawn(digits, offset) : sampled(index) },
      ...(areGrey && otherDigits.length > 0 ? [{ into: others, images: drawn(otherDigits, offset) }] : []),
    ];
  }).flat();
  const ownName = areGlyphs ? `test images of ${digitsText(digits)}` : 'samples of the model';
  const scoreFrom = (index: number): void => {
    onProgress({ ownName, own, others, done: index / slices.length });
    const slice = slices[index];
    if (!slice) return;
    lane.put('reference', async (signal) => {
      const { importance } = await scorer.score(await slice.images(), { signal });
      slice.into.push(...importance);
      scoreFrom(index + 1);
    });
  };
  scoreFrom(0);
}

/** Share of the values that are below a value; NaN of none. */
export function shareBelow(values: readonly number[], value: number): number {
  return values.filter((other) => other < value).length / values.length;
}
