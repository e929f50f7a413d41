/** Float64 twin of the elementwise sum: out = a + b. Its gradient with respect to either is the gradient of out. */
import type { Round } from '../support/case.ts';

export function add(a: ArrayLike<number>, b: ArrayLike<number>, round: Round): Float64Array {
  return Float64Array.from({ length: a.length }, (_, i) => round(a[i]! + b[i]!));
}
