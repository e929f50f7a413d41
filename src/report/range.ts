/** Ranges of axes that a few far values do not stretch. */

/** The q-quantile (0 … 1) of values in ascending order, linear between neighbours. */
export function quantile(sorted: ArrayLike<number>, q: number): number {
  const at = q * (sorted.length - 1);
  const below = Math.floor(at);
  const low = sorted[below] as number;
  return low + (at - below) * ((sorted[Math.min(below + 1, sorted.length - 1)] as number) - low);
}

/**
 * The range that shows each of several sets of finite values: with w the width between a set's quantiles 0.05 and 0.95,
 * its values within w of those two; then 3 % more on both sides.
 */
export function robustRange(sets: readonly ArrayLike<number>[]): readonly [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const values of sets) {
    if (values.length === 0) continue;
    const sorted = Float64Array.from(values).sort();
    const [from, to] = [quantile(sorted, 0.05), quantile(sorted, 0.95)];
    // Where nine in ten values are the same one, the others are what there is to see.
    const fence = to > from ? to - from : Number.POSITIVE_INFINITY;
    low = Math.min(low, sorted.find((value) => value >= from - fence) as number);
    high = Math.max(high, sorted.findLast((value) => value <= to + fence) as number);
  }
  if (low > high) return [0, 1];
  const margin = high > low ? 0.03 * (high - low) : Math.max(Math.abs(low) * 0.01, 0.5);
  return [low - margin, high + margin];
}

/** Decimals that show a thousandth of a range's width or so. */
export function decimalsFor([low, high]: readonly [number, number]): number {
  return Math.min(Math.max(3 - Math.floor(Math.log10(high - low)), 0), 6);
}
