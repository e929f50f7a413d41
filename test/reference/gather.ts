/**
 * Float64 twin of the draw of a batch: out[b] = scale·data[order(offset + b)], where order is the epoch's permutation of
 * 0 … count − 1, and a batch that runs past an epoch goes on in the next one's.
 * The permutation: a balanced Feistel network over the next even number of bits, with four rounds of
 * (l, r) → (r, l ⊕ threefry([r, 4·epoch + round], key)₀), walked until it lands below count.
 */
import type { Round } from '../support/case.ts';
import { threefry } from './threefry.ts';

export interface Draw {
  readonly count: number;
  readonly size: number;
  readonly scale: number;
  readonly batch: number;
  readonly key: readonly [number, number];
  readonly epoch: number;
  readonly offset: number;
}

/** [batch, size] of the values of all samples, [count, size]. */
export function gather(values: ArrayLike<number>, draw: Draw, round: Round): Float64Array {
  const { count, size, scale, batch, key } = draw;
  const out = new Float64Array(batch * size);
  for (let b = 0; b < batch; b++) {
    const position = draw.offset + b;
    const epoch = draw.epoch + Math.floor(position / count);
    const sample = sampleOf(position % count, epoch, count, key);
    for (let i = 0; i < size; i++) out[b * size + i] = round(values[sample * size + i]! * round(scale));
  }
  return out;
}

function sampleOf(position: number, epoch: number, count: number, key: readonly [number, number]): number {
  let half = 1;
  while (4 ** half < count) half++;
  let at = position;
  do {
    let left = Math.floor(at / 2 ** half);
    let right = at % 2 ** half;
    for (let round = 0; round < 4; round++) {
      const mixed = (threefry([right, 4 * epoch + round], key)[0] % 2 ** half) ^ left;
      left = right;
      right = mixed;
    }
    at = left * 2 ** half + right;
  } while (at >= count);
  return at;
}
