/**
 * Float64 twin of the penalty on gradients whose norm is not 1:
 *   value_r = (‖g_r‖ − 1)²      ∂value_r/∂g_r = 2(1 − 1/‖g_r‖)·g_r, 0 where g_r = 0
 */
import type { Round } from '../support/case.ts';

export function gradientPenalty(
  rows: number,
  columns: number,
  g: ArrayLike<number>,
  scale: number,
  round: Round,
): { values: Float64Array; gradient: Float64Array } {
  const values = new Float64Array(rows);
  const gradient = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum = round(sum + round(g[r * columns + c]! ** 2));
    const norm = round(Math.sqrt(sum));
    const excess = round(norm - 1);
    values[r] = round(excess * excess);
    const factor = norm > 0 ? round(round(2 * scale * excess) / norm) : 0;
    for (let c = 0; c < columns; c++) gradient[r * columns + c] = round(factor * g[r * columns + c]!);
  }
  return { values, gradient };
}
