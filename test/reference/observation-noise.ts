/**
 * Float64 twin of observations drawn around generated samples: out_i = generated_{i−first} + noise for the rows from first on, the
 * rows before as they were. The noise is spread times standard normals as the random sequences have them, or, for Laplace noise,
 * sign·(−ln u)·spread of one word of random bits a value: u of its upper 24, the sign of its lowest.
 */
import type { Round } from '../support/case.ts';
import { normals, threefry } from './threefry.ts';

export interface Drawn {
  readonly laplace: boolean;
  readonly spread: number;
  readonly key: readonly [number, number];
  readonly counter: number;
}

export function observationNoise(
  batch: ArrayLike<number>,
  generated: ArrayLike<number>,
  { laplace, spread, key, counter }: Drawn,
  round: Round,
): Float64Array {
  const skip = batch.length - generated.length;
  const out = Float64Array.from(batch);
  const z = normals(generated.length, { key, counter, firstBlock: 0 }, round);
  for (let e = 0; e < generated.length; e++) {
    const bits = threefry([Math.floor(e / 2), counter], key)[e % 2]!;
    const u = (Math.floor(bits / 256) + 1) * 2 ** -24;
    const noise = laplace ? (bits % 2 === 0 ? 1 : -1) * round(Math.log(u)) : z[e]!;
    out[skip + e] = round(generated[e]! + round(spread * noise));
  }
  return out;
}
