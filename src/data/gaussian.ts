/**
 * Zero-mean Gaussian data with a known covariance:
 *   y = U Λ^½ z,  z ~ N(0, I_d),  covariance Σ = U Λ Uᵀ
 * with eigenvalues Λ uniform on (0.2, 100), descending, and U [d, d] Haar-distributed: the orthogonal factor of a
 * matrix of normals whose triangular factor has a positive diagonal (Mezzadri 2007).
 */
import { UserError } from '../gpu/errors.ts';
import { type Dataset, dataset } from './dataset.ts';
import { type Words, threefryNormals, threefryUniforms } from './random.ts';
import { MAX_GAUSSIAN_DIMS, type Split } from './spec.ts';

/** Samples in each split. */
export const GAUSSIAN_COUNTS: Readonly<Record<Split, number>> = { train: 50_000, test: 10_000 };

/** Eigenvalues lie in this interval. */
export const SPECTRUM_RANGE = [0.2, 100] as const;

/** Second key words: one sequence each for the spectrum, the basis and the samples of a split. */
const SPECTRUM_STREAM = 0x67617501;
const BASIS_STREAM = 0x67617502;
const SAMPLE_STREAM: Readonly<Record<Split, number>> = { train: 0x67617503, test: 0x67617504 };

export interface GaussianOptions {
  /** d. */
  readonly dims: number;
  /** Default `train`. The splits share the covariance. */
  readonly split?: Split;
  /** Index of the first sample. Default 0. */
  readonly offset?: number;
  /** At most this many samples. */
  readonly limit?: number;
  /** Default 0. */
  readonly seed?: number;
}

export interface GaussianData {
  /** Float samples [count, d]. Sample i depends on (seed, split, i) only. */
  readonly dataset: Dataset;
  /** Σ, [d, d] row-major. */
  readonly covariance: Float64Array<ArrayBuffer>;
  /** Eigenvalues of Σ, [d], descending. */
  readonly spectrum: Float64Array<ArrayBuffer>;
  /** U, [d, d] row-major: column k is the eigenvector of eigenvalue k. */
  readonly basis: Float64Array<ArrayBuffer>;
}

/**
 * Draws a data set and the law it was drawn from.
 * @throws UserError where `dims` is not a whole number from 1 to 1024, and where offset and limit leave nothing.
 */
export function gaussianData({
  dims,
  split = 'train',
  offset = 0,
  limit,
  seed = 0,
}: GaussianOptions): GaussianData {
  if (!Number.isInteger(dims) || dims < 1 || dims > MAX_GAUSSIAN_DIMS)
    throw new UserError(`gaussian: dims is ${dims}; must be a whole number from 1 to ${MAX_GAUSSIAN_DIMS}`);
  const available = GAUSSIAN_COUNTS[split];
  const count = Math.min(limit ?? available, available - offset);
  if (count < 1)
    throw new UserError(
      `gaussian:${dims}: offset ${offset} and limit ${limit ?? 'none'} leave nothing of ${available} samples; lower the offset`,
    );
  const spectrum = spectrumOf(dims, seed);
  const basis = orthogonalFactor(threefryNormals(dims * dims, [seed, BASIS_STREAM]), dims);
  const scaled = basis.map((value, index) => value * Math.sqrt(spectrum[index % dims] as number));
  return {
    dataset: dataset({
      data: samples(scaled, dims, offset, count, [seed, SAMPLE_STREAM[split]]),
      shape: [count, dims],
      name: `gaussian:${dims}`,
    }),
    covariance: outerProduct(scaled, dims),
    spectrum,
    basis,
  };
}

function spectrumOf(dims: number, seed: number): Float64Array<ArrayBuffer> {
  const [least, largest] = SPECTRUM_RANGE;
  const uniforms = threefryUniforms(dims, [seed, SPECTRUM_STREAM]);
  return Float64Array.from(uniforms, (uniform) => least + (largest - least) * uniform).sort((a, b) => b - a);
}

/** Q of the QR factorisation of a [d, d] row-major matrix, with R's diagonal positive: Gram–Schmidt, done twice over. */
function orthogonalFactor(matrix: Float64Array<ArrayBuffer>, d: number): Float64Array<ArrayBuffer> {
  // Row k of `q` is column k of Q while it is being made.
  const q = transposed(matrix, d);
  const row = (k: number): Float64Array => q.subarray(k * d, (k + 1) * d);
  for (let k = 0; k < d; k++) {
    const vector = row(k);
    for (let pass = 0; pass < 2; pass++) {
      for (let j = 0; j < k; j++) {
        const other = row(j);
        const along = dot(vector, other);
        for (let i = 0; i < d; i++) vector[i] = (vector[i] as number) - along * (other[i] as number);
      }
      const length = Math.sqrt(dot(vector, vector));
      for (let i = 0; i < d; i++) vector[i] = (vector[i] as number) / length;
    }
  }
  return transposed(q, d);
}

/** M Mᵀ of a [d, d] row-major matrix. */
function outerProduct(matrix: Float64Array<ArrayBuffer>, d: number): Float64Array<ArrayBuffer> {
  const product = new Float64Array(d * d);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j <= i; j++) {
      const value = dot(matrix.subarray(i * d, (i + 1) * d), matrix.subarray(j * d, (j + 1) * d));
      product[i * d + j] = value;
      product[j * d + i] = value;
    }
  }
  return product;
}

/** Rows offset … offset + count − 1 of the sequence M z_i. */
function samples(
  matrix: Float64Array<ArrayBuffer>,
  d: number,
  offset: number,
  count: number,
  key: Words,
): Float32Array<ArrayBuffer> {
  const out = new Float32Array(count * d);
  for (let sample = 0; sample < count; sample++) {
    const normals = threefryNormals(d, key, offset + sample);
    for (let i = 0; i < d; i++) out[sample * d + i] = dot(matrix.subarray(i * d, (i + 1) * d), normals);
  }
  return out;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

function transposed(matrix: Float64Array<ArrayBuffer>, d: number): Float64Array<ArrayBuffer> {
  const out = new Float64Array(d * d);
  for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) out[j * d + i] = matrix[i * d + j] as number;
  return out;
}
