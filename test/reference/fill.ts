/** Float64 twin of a tensor of one value: out = value. */
import type { Round } from '../support/case.ts';

export function fill(count: number, value: number, round: Round): Float64Array {
  return new Float64Array(count).fill(round(value));
}
