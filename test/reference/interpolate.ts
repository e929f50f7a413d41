/** Float64 twin of the points between the rows of two matrices: out_rc = ε_r·a_rc + (1 − ε_r)·b_rc. */
import type { Round } from '../support/case.ts';

/** [rows, columns], with as many rows as there are ε. */
export function interpolate(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  epsilon: ArrayLike<number>,
  round: Round,
): Float64Array {
  const columns = a.length / epsilon.length;
  return Float64Array.from({ length: a.length }, (_, i) => {
    const share = epsilon[Math.floor(i / columns)]!;
    return round(round(share * a[i]!) + round(round(1 - share) * b[i]!));
  });
}
