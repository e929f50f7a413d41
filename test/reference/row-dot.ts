/**
 * Float64 twin of dot products by rows, and of their gradients.
 *   out_r = Σ_c a_rc·b_rc + bias      da_rc = g_r·b_rc      db_rc = g_r·a_rc      dbias = Σ_r g_r
 */
import type { Round } from '../support/case.ts';

export function rowDot(
  rows: number,
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  bias: number,
  round: Round,
): Float64Array {
  const columns = a.length / rows;
  const out = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum = round(sum + round(a[r * columns + c]! * b[r * columns + c]!));
    out[r] = round(sum + bias);
  }
  return out;
}

/** g_r·x_rc, [rows, columns]. */
export function timesRows(g: ArrayLike<number>, x: ArrayLike<number>, round: Round): Float64Array {
  const columns = x.length / g.length;
  return Float64Array.from(x, (value, i) => round(g[Math.floor(i / columns)]! * value));
}

export function rowDotGradients(
  g: ArrayLike<number>,
  { a, b }: { readonly a: ArrayLike<number>; readonly b: ArrayLike<number> },
  round: Round,
): { a: Float64Array; b: Float64Array; bias: number } {
  let bias = 0;
  for (let r = 0; r < g.length; r++) bias = round(bias + g[r]!);
  return { a: timesRows(g, b, round), b: timesRows(g, a, round), bias };
}
