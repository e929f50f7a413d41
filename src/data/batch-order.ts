/**
 * The order in which an epoch visits the samples: a permutation of 0 … count − 1 keyed by seed, stream and epoch; the
 * host twin of shaders/lib/batch_order.wgsl. A balanced Feistel network of four rounds over the next even number of
 * bits, walked until it lands below count (Luby & Rackoff 1988; Black & Rogaway 2002).
 */
import { type Words, threefry2x32 } from './random.ts';

/** The sample at a position of an epoch. */
export function sampleAt(position: number, epoch: number, count: number, key: Words): number {
  const halfBits = Math.max(1, (33 - Math.clz32(count - 1)) >>> 1);
  const mask = (1 << halfBits) - 1;
  let x = position;
  do {
    let left = x >>> halfBits;
    let right = x & mask;
    for (let round = 0; round < 4; round++) {
      const mixed = threefry2x32([right, ((epoch << 2) | round) >>> 0], key)[0] & mask;
      [left, right] = [right, left ^ mixed];
    }
    x = ((left << halfBits) | right) >>> 0;
  } while (x >= count);
  return x;
}
