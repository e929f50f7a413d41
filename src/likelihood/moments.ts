/** Mean and covariance of a data set, in float64 on the host. */
import { type Dataset, rows, sampleSize } from '../data/dataset.ts';

export interface Moments {
  /** μ, [d]. */
  readonly mean: Float64Array;
  /** Σ, [d, d]: of the samples themselves, divided by n. */
  readonly covariance: Float64Array;
}

/** Samples turned into floats at a time. */
const BLOCK = 256;

/** Mean of the samples, [d]. */
function meanOf(set: Dataset): Float64Array {
  const mean = new Float64Array(sampleSize(set.shape));
  forEachSample(set, (sample) => {
    for (let p = 0; p < mean.length; p++) mean[p] = (mean[p] as number) + (sample[p] as number);
  });
  return mean.map((sum) => sum / set.count);
}

/** Median of the samples, value by value, [d]; halfway between the middle two of an even count. */
export function medianOf(set: Dataset): Float64Array {
  const d = sampleSize(set.shape);
  const { count } = set;
  const all = rows(set, 0, count);
  const column = new Float32Array(count);
  return Float64Array.from({ length: d }, (_, p) => {
    for (let i = 0; i < count; i++) column[i] = all[i * d + p] as number;
    column.sort();
    return ((column[Math.floor((count - 1) / 2)] as number) + (column[Math.floor(count / 2)] as number)) / 2;
  });
}

/** Mean and covariance of the samples. */
export function momentsOf(set: Dataset): Moments {
  const mean = meanOf(set);
  const d = mean.length;
  const covariance = new Float64Array(d * d);
  const present = new Uint32Array(d);
  const value = new Float64Array(d);
  // Products of the values themselves, since most pixels of a drawn digit are 0 and cost nothing; centred afterwards.
  forEachSample(set, (sample) => {
    let count = 0;
    for (let p = 0; p < d; p++) {
      if (sample[p] === 0) continue;
      present[count] = p;
      value[count++] = sample[p] as number;
    }
    for (let a = 0; a < count; a++) {
      const row = (present[a] as number) * d;
      const x = value[a] as number;
      for (let b = 0; b <= a; b++) {
        const at = row + (present[b] as number);
        covariance[at] = (covariance[at] as number) + x * (value[b] as number);
      }
    }
  });
  for (let p = 0; p < d; p++) {
    for (let q = 0; q <= p; q++) {
      const centred =
        (covariance[p * d + q] as number) / set.count - (mean[p] as number) * (mean[q] as number);
      covariance[p * d + q] = centred;
      covariance[q * d + p] = centred;
    }
  }
  return { mean, covariance };
}

function forEachSample(set: Dataset, take: (sample: Float32Array) => void): void {
  const d = sampleSize(set.shape);
  for (let start = 0; start < set.count; start += BLOCK) {
    const count = Math.min(BLOCK, set.count - start);
    const block = rows(set, start, count);
    for (let i = 0; i < count; i++) take(block.subarray(i * d, (i + 1) * d));
  }
}
