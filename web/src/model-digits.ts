/** Which digits a model was trained on, as far as the name of its data says: what its images are compared with. */
import type { Model } from '../../src/browser.ts';
import { parseSpec } from '../../src/data/spec.ts';

export interface ModelDigits {
  /** Digits trained on; none where the name of the data does not say, or its labels are none. */
  readonly own: readonly number[];
  /** All others. */
  readonly others: readonly number[];
  /** Whether the training images were drawn glyphs, so that test images of the same kind can be drawn. */
  readonly areGlyphs: boolean;
}

const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;

export function modelDigits(model: Model): ModelDigits {
  try {
    const { source, selectors } = parseSpec(model.configuration.data);
    const areDigits = source.kind === 'glyphs' || (source.kind === 'named' && source.name === 'mnist');
    const labels = selectors.labels ?? (areDigits ? DIGITS : []);
    const own = DIGITS.filter((digit) => labels.includes(digit));
    return {
      own,
      others: DIGITS.filter((digit) => !own.includes(digit)),
      areGlyphs: source.kind === 'glyphs' && own.length > 0,
    };
  } catch {
    return { own: [], others: DIGITS, areGlyphs: false }; // any text may stand in a model file
  }
}

/** Digits in words: `1`, `2, 3`, or `0–9` of all. */
export function digitsText(digits: readonly number[]): string {
  return digits.length === DIGITS.length ? '0–9' : digits.join(', ');
}
