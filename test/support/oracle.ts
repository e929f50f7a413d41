/** Reads the known answers in test/oracles, and measures distances to them. */
import { readFileSync } from 'node:fs';
import type { FloatMatrix } from '../../src/nn/matrix.ts';

export interface OracleArray {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** The cases of a file of known answers; C says what they hold. */
export function oracleCases<C>(file: string): readonly (C & { readonly name: string })[] {
  const text = readFileSync(new URL(`../oracles/${file}.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { cases: (C & { readonly name: string })[] }).cases;
}

/** An oracle's array as input; exact in float32. */
export function floats({ data, shape }: OracleArray): FloatMatrix {
  return { data: Float32Array.from(data), shape };
}

/** max |a − b|. */
export function maxError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`lengths differ: ${a.length} and ${b.length}`);
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const error = Math.abs(a[i]! - b[i]!);
    if (!(error <= worst)) worst = Number.isNaN(error) ? Infinity : error;
  }
  return worst;
}

/** max |a − b| / max |b|. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const size = maxError(b, new Float64Array(b.length));
  return maxError(a, b) / (size || 1);
}
