/** How a cost grows: the least-squares slope of its logarithm over that of a size; 1 where it is proportional. */

/** @param points [size, cost], two or more of different sizes, all above 0. */
export function logSlope(points: readonly (readonly [number, number])[]): number {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const mean = (index: 0 | 1): number => logs.reduce((sum, log) => sum + log[index], 0) / logs.length;
  const [centre, level] = [mean(0), mean(1)];
  const over = logs.reduce((sum, [x, y]) => sum + (x - centre) * (y - level), 0);
  return over / logs.reduce((sum, [x]) => sum + (x - centre) ** 2, 0);
}
