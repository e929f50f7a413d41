/**
 * Float64 twin of rows brought to length 1, and of their gradient; rows shorter than 1e-12 become zero.
 *   u_r = x_r/‖x_r‖      dx_r = (g_r − u_r·(u_r·g_r))/‖x_r‖
 */
import type { Round } from '../support/case.ts';

const SHORTEST = 1e-12;

export function normaliseRows(
  rows: number,
  columns: number,
  x: ArrayLike<number>,
  round: Round,
): { unit: Float64Array; norms: Float64Array } {
  const unit = new Float64Array(rows * columns);
  const norms = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum = round(sum + round(x[r * columns + c]! ** 2));
    const norm = round(Math.sqrt(sum));
    if (norm < SHORTEST) continue;
    norms[r] = norm;
    for (let c = 0; c < columns; c++) unit[r * columns + c] = round(x[r * columns + c]! / norm);
  }
  return { unit, norms };
}

/** dx, [rows, columns], from the gradient of the unit rows. */
export function normaliseRowsGradient(
  g: ArrayLike<number>,
  { unit, norms }: { unit: ArrayLike<number>; norms: ArrayLike<number> },
  round: Round,
): Float64Array {
  const rows = norms.length;
  const columns = g.length / rows;
  const dx = new Float64Array(g.length);
  for (let r = 0; r < rows; r++) {
    if (norms[r] === 0) continue;
    let along = 0;
    for (let c = 0; c < columns; c++)
      along = round(along + round(unit[r * columns + c]! * g[r * columns + c]!));
    for (let c = 0; c < columns; c++) {
      const at = r * columns + c;
      dx[at] = round(round(g[at]! - round(along * unit[at]!)) / norms[r]!);
    }
  }
  return dx;
}
