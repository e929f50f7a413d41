/**
 * Float64 twin of the random sequences: element e is word e mod 2 of the Threefry2x32 block with the counter
 * [firstBlock + ⌊e/2⌋, counter] (Salmon et al. 2011, 20 rounds).
 *   uniform = ((bits >> 8) + 1)·2⁻²⁴
 *   normal  = √(−2 ln u₀)·cos 2πu₁, √(−2 ln u₀)·sin 2πu₁      of the two uniforms of a block (Box & Muller 1958)
 */
import type { Round } from '../support/case.ts';

export interface Source {
  readonly key: readonly [number, number];
  readonly counter: number;
  readonly firstBlock: number;
}

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];

/** Two words of random bits. */
export function threefry(
  counter: readonly [number, number],
  key: readonly [number, number],
): [number, number] {
  const keys = [key[0], key[1], (0x1bd11bda ^ key[0] ^ key[1]) >>> 0];
  let x = (counter[0] + keys[0]!) >>> 0;
  let y = (counter[1] + keys[1]!) >>> 0;
  for (let round = 0; round < 20; round++) {
    const rotation = ROTATIONS[round % 8]!;
    x = (x + y) >>> 0;
    y = (((y << rotation) | (y >>> (32 - rotation))) ^ x) >>> 0;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      x = (x + keys[injection % 3]!) >>> 0;
      y = (y + keys[(injection + 1) % 3]! + injection) >>> 0;
    }
  }
  return [x, y];
}

export function uniforms(count: number, { key, counter, firstBlock }: Source): Float64Array {
  return Float64Array.from({ length: count }, (_, e) => {
    const words = threefry([(firstBlock + Math.floor(e / 2)) >>> 0, counter], key);
    return (Math.floor(words[e % 2]! / 256) + 1) * 2 ** -24;
  });
}

export function normals(count: number, source: Source, round: Round): Float64Array {
  const u = uniforms(count + (count % 2), source);
  return Float64Array.from({ length: count }, (_, e) => {
    const [u0, u1] = [u[e - (e % 2)]!, u[e - (e % 2) + 1]!];
    const radius = round(Math.sqrt(round(-2 * round(Math.log(u0)))));
    const angle = 2 * Math.PI * u1;
    return round(radius * round(e % 2 === 0 ? Math.cos(angle) : Math.sin(angle)));
  });
}
