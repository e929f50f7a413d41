/**
 * The words by which an objective and the optimisers after it watch over training:
 *   word 0        the fault: raised by an optimiser once an objective or a gradient is not finite; seen by every later objective,
 *                 which then says that it is not finite, so that nothing changes any more
 *   words at, …   where the loss has a scale, kept for one network: the scale as a float32, the sound updates since it last changed,
 *                 the updates that it has voided in all, and one unused
 * A loss scale keeps gradients within what f16 holds. The objective multiplies its gradients by it; the optimiser divides them
 * by it, halves it where they overflowed, which voids the update, and doubles it after 2 000 updates without that.
 * Source: Micikevicius et al., "Mixed precision training", ICLR 2018, §3.2 and its dynamic loss scaling.
 */
export const FAULT_WORDS = 4;
export const LOSS_SCALE_WORDS = 4;

/** The loss scale that training begins with, the least and the largest that it may come to (lib/optimiser of the shaders). */
const [FIRST_LOSS_SCALE, LEAST_LOSS_SCALE, MOST_LOSS_SCALE] = [2 ** 16, 1, 2 ** 24];

/** A loss scale's words at the start of training. */
export function firstLossScale(): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(LOSS_SCALE_WORDS);
  new Float32Array(words.buffer)[0] = FIRST_LOSS_SCALE;
  return words;
}

/** A loss scale, and how many updates it has voided by an overflow. */
export interface LossScale {
  readonly scale: number;
  readonly overflows: number;
}

/** Reads a loss scale's words. */
export function decodeLossScale(words: Uint32Array<ArrayBuffer>): LossScale {
  return {
    scale: new Float32Array(words.buffer, words.byteOffset, 1)[0] as number,
    overflows: words[2] as number,
  };
}

/** Whether a scale is one that training could have come to. */
export function isLossScale({ scale }: LossScale): boolean {
  return scale >= LEAST_LOSS_SCALE && scale <= MOST_LOSS_SCALE;
}
