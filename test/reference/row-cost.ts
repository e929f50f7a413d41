/**
 * Float64 twin of the cost of generated samples, each to the observation that it belongs to, and of its gradient:
 *   l_i = scale·Σ_c |y_c − g_ic|  or  scale·Σ_c (y_c − g_ic)²,  y the observation ⌊i/group⌋
 *   dg_ic = upstream_i·∂l_i/∂g_ic
 */
import type { LikelihoodCost } from '../../src/ops/log-likelihood.ts';
import type { Round } from '../support/case.ts';

export interface RowCost {
  readonly rows: number;
  readonly columns: number;
  readonly group: number;
  readonly cost: LikelihoodCost;
}

const scaleOf = (cost: LikelihoodCost): number => (cost === 'half-squared' ? 0.5 : 1);

export function rowCost(
  { rows, columns, group, cost }: RowCost,
  observations: ArrayLike<number>,
  generated: ArrayLike<number>,
  round: Round,
): Float64Array {
  return Float64Array.from({ length: rows }, (_, i) => {
    const y = Math.floor(i / group) * columns;
    let sum = 0;
    for (let c = 0; c < columns; c++) {
      const e = round(observations[y + c]! - generated[i * columns + c]!);
      sum = round(sum + (cost === 'l1' ? Math.abs(e) : round(e * e)));
    }
    return round(scaleOf(cost) * sum);
  });
}

export function rowCostGradient(
  { rows, columns, group, cost }: RowCost,
  observations: ArrayLike<number>,
  generated: ArrayLike<number>,
  upstream: ArrayLike<number>,
  round: Round,
): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, at) => {
    const row = Math.floor(at / columns);
    const e = round(generated[at]! - observations[Math.floor(row / group) * columns + (at % columns)]!);
    return round(round(scaleOf(cost) * upstream[row]!) * (cost === 'l1' ? Math.sign(e) : 2 * e));
  });
}
