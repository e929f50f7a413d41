/**
 * Exact likelihoods of a linear generator G(x) = Ax + b under Gaussian noise of variance σ² (docs/mathematics.md §5), in float64:
 *   f = N(b, S),  S = AAᵀ + σ²I        σ² = λ for the half-squared cost, λ/2 for the squared one
 * All goes through the r×r matrix I + AᵀA/σ² = LLᵀ (L lower triangular), by Woodbury's identity:
 *   log det S = d log σ² + 2 Σ log L_jj        eᵀS⁻¹e = (‖e‖² − ‖L⁻¹Aᵀe‖²/σ²)/σ²
 */
import { CholeskyDecomposition, EigenvalueDecomposition, Matrix } from 'ml-matrix';
import type { Moments } from './moments.ts';

export interface LinearGaussian {
  /** A, [d, r], row-major. */
  readonly generator: Float64Array;
  /** b, [d]. */
  readonly bias: Float64Array;
  /** r; may be 0. */
  readonly latent: number;
  /** σ². */
  readonly noise: number;
}

/** S = AAᵀ + σ²I, [d, d]. */
export function modelCovariance({ generator, bias, latent, noise }: LinearGaussian): Float64Array {
  const d = bias.length;
  const covariance = new Float64Array(d * d);
  for (let i = 0; i < d; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = i === j ? noise : 0;
      for (let k = 0; k < latent; k++)
        sum += (generator[i * latent + k] as number) * (generator[j * latent + k] as number);
      covariance[i * d + j] = sum;
      covariance[j * d + i] = sum;
    }
  }
  return covariance;
}

/** log f of each of the observations, [n, d], in nats. */
export function logDensities(model: LinearGaussian, observations: ArrayLike<number>): Float64Array {
  const { bias } = model;
  const d = bias.length;
  const { logDeterminant, quadraticForm } = inverseOf(model);
  const constant = -0.5 * (d * Math.log(2 * Math.PI) + logDeterminant);
  const residual = new Float64Array(d);
  return Float64Array.from({ length: observations.length / d }, (_, i) => {
    for (let p = 0; p < d; p++) residual[p] = (observations[i * d + p] as number) - (bias[p] as number);
    return constant - 0.5 * quadraticForm(residual);
  });
}

/** E log f(y) over data with these moments, Gaussian or not: −½[d log 2π + log det S + tr S⁻¹Σ + (μ−b)ᵀS⁻¹(μ−b)]. */
export function expectedLogLikelihood(model: LinearGaussian, { mean, covariance }: Moments): number {
  const { generator, bias, latent, noise } = model;
  const d = bias.length;
  const { logDeterminant, quadraticForm, factor } = inverseOf(model);
  let trace = 0;
  for (let p = 0; p < d; p++) trace += covariance[p * d + p] as number;
  // tr S⁻¹Σ = (tr Σ − tr(L⁻¹ AᵀΣA L⁻ᵀ)/σ²)/σ², and the last trace is that of (LLᵀ)⁻¹AᵀΣA.
  if (latent > 0) {
    const a = new Matrix(rowsOf(generator, latent));
    const projected = a
      .transpose()
      .mmul(new Matrix(rowsOf(covariance, d)))
      .mmul(a);
    trace -= factor.solve(projected).trace() / noise;
  }
  const residual = mean.map((value, p) => value - (bias[p] as number));
  return -0.5 * (d * Math.log(2 * Math.PI) + logDeterminant + trace / noise + quadraticForm(residual));
}

/**
 * The best linear generator for data with these moments: soft-thresholded principal components,
 * A = U_r (Λ_r − σ²I)₊^{1/2}, b = μ. A column's entry of largest magnitude is positive.
 * @param latent r at most; default all. Components with a variance of σ² or less are left out: their columns would be 0.
 */
export function optimalLinearGenerator(
  { mean, covariance }: Moments,
  noise: number,
  latent: number = mean.length,
): LinearGaussian {
  const d = mean.length;
  const eigen = new EigenvalueDecomposition(new Matrix(rowsOf(covariance, d)), { assumeSymmetric: true });
  const vectors = eigen.eigenvectorMatrix;
  const kept = eigen.realEigenvalues
    .map((variance, column) => ({ variance, column }))
    .filter(({ variance }) => variance > noise)
    .sort((a, b) => b.variance - a.variance)
    .slice(0, latent);
  const generator = new Float64Array(d * kept.length);
  kept.forEach(({ variance, column }, k) => {
    const vector = vectors.getColumn(column);
    const largest = vector.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
    const scale = Math.sign(largest) * Math.sqrt(variance - noise);
    vector.forEach((value, p) => (generator[p * kept.length + k] = scale * value));
  });
  return { generator, bias: mean, latent: kept.length, noise };
}

/** log det S, e ↦ eᵀS⁻¹e, and the factor of I + AᵀA/σ². */
function inverseOf({ generator, bias, latent, noise }: LinearGaussian): {
  readonly logDeterminant: number;
  readonly quadraticForm: (residual: Float64Array) => number;
  readonly factor: CholeskyDecomposition;
} {
  const d = bias.length;
  const inner = Matrix.eye(latent);
  for (let j = 0; j < latent; j++) {
    for (let k = 0; k < latent; k++) {
      let sum = 0;
      for (let p = 0; p < d; p++)
        sum += (generator[p * latent + j] as number) * (generator[p * latent + k] as number);
      inner.set(j, k, inner.get(j, k) + sum / noise);
    }
  }
  const factor = new CholeskyDecomposition(inner);
  const lower = factor.lowerTriangularMatrix;
  let logDeterminant = d * Math.log(noise);
  for (let j = 0; j < latent; j++) logDeterminant += 2 * Math.log(lower.get(j, j));
  const solved = new Float64Array(latent);
  const quadraticForm = (residual: Float64Array): number => {
    let norm = 0;
    let explained = 0;
    solved.fill(0);
    for (let p = 0; p < d; p++) {
      const e = residual[p] as number;
      norm += e * e;
      for (let j = 0; j < latent; j++)
        solved[j] = (solved[j] as number) + (generator[p * latent + j] as number) * e;
    }
    for (let j = 0; j < latent; j++) {
      let sum = solved[j] as number;
      for (let k = 0; k < j; k++) sum -= lower.get(j, k) * (solved[k] as number);
      sum /= lower.get(j, j);
      solved[j] = sum;
      explained += sum * sum;
    }
    return (norm - explained / noise) / noise;
  };
  return { logDeterminant, quadraticForm, factor };
}

/** Rows of a row-major matrix. */
function rowsOf(data: Float64Array, width: number): Float64Array[] {
  return Array.from({ length: data.length / width }, (_, i) => data.subarray(i * width, (i + 1) * width));
}
