/**
 * Float64 twin of the reductions of x [rows, columns], and of their gradients.
 *   rows:    out_r = Σ_c x_rc, or that over columns, or max_c x_rc        dx_rc = g_r (sum), g_r/columns (mean)
 *   columns: out_c = Σ_r x_rc, or that over rows, or max_r x_rc           dx_rc = g_c (sum), g_c/rows (mean)
 */
import type { Reduction } from '../../src/ops/reduce.ts';
import type { Round } from '../support/case.ts';

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly x: ArrayLike<number>;
}

export function reduceRows({ rows, columns, x }: Matrix, kind: Reduction, round: Round): Float64Array {
  const out = new Float64Array(rows);
  for (let r = 0; r < rows; r++) {
    let total = kind === 'max' ? x[r * columns]! : 0;
    for (let c = 0; c < columns; c++) {
      const value = x[r * columns + c]!;
      total = kind === 'max' ? Math.max(total, value) : round(total + value);
    }
    out[r] = kind === 'mean' ? round(total / columns) : total;
  }
  return out;
}

export function reduceColumns({ rows, columns, x }: Matrix, kind: Reduction, round: Round): Float64Array {
  const out = new Float64Array(columns);
  for (let c = 0; c < columns; c++) {
    let total = kind === 'max' ? x[c]! : 0;
    for (let r = 0; r < rows; r++) {
      const value = x[r * columns + c]!;
      total = kind === 'max' ? Math.max(total, value) : round(total + value);
    }
    out[c] = kind === 'mean' ? round(total / rows) : total;
  }
  return out;
}

/** dx, [rows, columns], from the gradient g of the reduced rows or columns. */
export function spread(
  { rows, columns }: Pick<Matrix, 'rows' | 'columns'>,
  g: ArrayLike<number>,
  of: 'rows' | 'columns',
  kind: 'sum' | 'mean',
  round: Round,
): Float64Array {
  const count = of === 'rows' ? columns : rows;
  return Float64Array.from({ length: rows * columns }, (_, i) => {
    const value = g[of === 'rows' ? Math.floor(i / columns) : i % columns]!;
    return kind === 'mean' ? round(value / count) : value;
  });
}
