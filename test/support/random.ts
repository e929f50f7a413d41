/** Seeded host numbers for tests: the same seed, the same inputs. */

export interface Random {
  /** In [0, 1). */
  readonly uniform: () => number;
  /** Standard normal. */
  readonly normal: () => number;
}

/** Mulberry32, and Box–Muller of it. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    uniform,
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
  };
}

/** `count` float32 values. */
export function filled(count: number, value: (index: number) => number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, (_, index) => value(index));
}
