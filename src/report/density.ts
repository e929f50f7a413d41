/**
 * A smooth density of values, and where it is highest: kernels that are wider where values are few (Silverman 1986, §5.3),
 *   f̂(x) = 1/n Σ_i φ((x − v_i)/h_i)/h_i,   h_i = h · (p(v_i)/g)^(−1/2),   h = 0.9 · min(s, IQR/1.34) · n^(−1/5)
 * with φ the standard normal density, s the standard deviation, p the same density with all h_i = h, and g the geometric mean
 * of its p(v_i). The bandwidth h follows the narrower of two measures of spread, so that a second bump or a far tail does not
 * smooth the first one away; far values, which are few, get no peaks of their own.
 */
import { quantile } from './range.ts';

/** Kernels further away than this many bandwidths count as nothing: φ there is below 2e-8 of its peak. */
const REACH = 6;
/** Values among which the highest place is looked for, and steps of a bandwidth in which it is then. */
const MODE_VALUES = 2048;
const MODE_STEPS = 64;

export interface Density {
  /** h, in the unit of the values. */
  readonly bandwidth: number;
  /** f̂ at each of these places. */
  readonly at: (places: ArrayLike<number>) => Float64Array;
  /** Where f̂ is highest, to 1/64 of the bandwidth. */
  readonly mode: number;
}

/** The density of one or more finite values. */
export function densityOf(values: ArrayLike<number>): Density {
  const sorted = Float64Array.from(values).sort();
  const n = sorted.length;
  const bandwidth = bandwidthOf(sorted);
  const pilot = sumOfKernels(sorted, sorted, new Float64Array(n).fill(bandwidth));
  const geometricMean = Math.exp(pilot.reduce((sum, height) => sum + Math.log(height), 0) / n);
  const bandwidths = pilot.map((height) => bandwidth * Math.sqrt(geometricMean / height));
  const at = (places: ArrayLike<number>): Float64Array => sumOfKernels(places, sorted, bandwidths);
  const highest = (places: ArrayLike<number>): number => {
    const heights = at(places);
    return places[heights.indexOf(heights.reduce((a, b) => Math.max(a, b)))] as number;
  };
  // From value to value first, since a far one would stretch an even grid.
  const stride = Math.ceil(n / MODE_VALUES);
  const nearMode = highest(sorted.filter((_, i) => i % stride === 0));
  const around = Array.from(
    { length: 2 * MODE_STEPS + 1 },
    (_, i) => nearMode + (i / MODE_STEPS - 1) * bandwidth,
  );
  return { bandwidth, at, mode: highest(around) };
}

function bandwidthOf(sorted: Float64Array): number {
  const n = sorted.length;
  const mean = sorted.reduce((sum, value) => sum + value, 0) / n;
  const variance = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0) / Math.max(n - 1, 1);
  const spreads = [Math.sqrt(variance), (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 1.34];
  // Where half of the values are one, the other spread; where all are, a narrow peak that can be drawn.
  const spread = Math.min(...spreads.filter((value) => value > 0));
  return Number.isFinite(spread) ? 0.9 * spread * n ** -0.2 : Math.max(Math.abs(mean), 1) * 1e-3;
}

/** 1/n Σ_i φ((x − v_i)/h_i)/h_i at each place x. */
function sumOfKernels(
  places: ArrayLike<number>,
  values: Float64Array,
  bandwidths: Float64Array,
): Float64Array {
  return Float64Array.from(places, (place) => {
    let sum = 0;
    for (let i = 0; i < values.length; i++) {
      const h = bandwidths[i] as number;
      const z = (place - (values[i] as number)) / h;
      if (z < REACH && z > -REACH) sum += Math.exp(-0.5 * z * z) / h;
    }
    return sum / (values.length * Math.sqrt(2 * Math.PI));
  });
}
