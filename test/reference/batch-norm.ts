/**
 * Float64 twin of batch normalisation of x [rows, channels], for each channel c:
 *   μ = Σ_r x_r / R      σ² = Σ_r (x_r − μ)² / R      x̂_r = (x_r − μ)/√(σ² + ε)      y_r = act(γ x̂_r + β)
 *   dz_r = dy_r act'(y_r)      dβ = Σ_r dz_r      dγ = Σ_r dz_r x̂_r
 *   dx_r = γ/√(σ² + ε) · (dz_r − dβ/R − x̂_r dγ/R), or γ/√(σ² + ε) · dz_r where μ and σ² are given.
 */
import type { ActivationKind } from '../../src/ops/activation-kinds.ts';
import type { Round } from '../support/case.ts';
import { activate, activationDerivative } from './activation.ts';

const EPSILON = 1e-5;

export interface Statistics {
  readonly mean: ArrayLike<number>;
  readonly variance: ArrayLike<number>;
}

export interface Normalisation {
  readonly rows: number;
  readonly channels: number;
  readonly x: ArrayLike<number>;
  readonly gamma: ArrayLike<number>;
  readonly beta: ArrayLike<number>;
  readonly activation: ActivationKind;
  readonly slope: number;
}

/** Of the rows, by channel. */
export function batchStatistics(
  { rows, channels, x }: Pick<Normalisation, 'rows' | 'channels' | 'x'>,
  round: Round,
): { mean: Float64Array; variance: Float64Array } {
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    for (let r = 0; r < rows; r++) mean[c] = round(mean[c]! + x[r * channels + c]!);
    mean[c] = round(mean[c]! / rows);
    for (let r = 0; r < rows; r++) {
      const off = round(x[r * channels + c]! - mean[c]!);
      variance[c] = round(variance[c]! + round(off * off));
    }
    variance[c] = round(variance[c]! / rows);
  }
  return { mean, variance };
}

/** y, [rows, channels]. */
export function batchNorm(
  { rows, channels, x, gamma, beta, activation, slope }: Normalisation,
  { mean, variance }: Statistics,
  round: Round,
): Float64Array {
  return Float64Array.from({ length: rows * channels }, (_, i) => {
    const c = i % channels;
    const scaled = round(round(x[i]! - mean[c]!) * round(gamma[c]! * inverse(variance[c]!, round)));
    return activate(activation, round(scaled + beta[c]!), slope, round);
  });
}

/** @param frozen whether the statistics are given, not those of x. */
export function batchNormGradients(
  { rows, channels, x, gamma, activation, slope }: Normalisation,
  { mean, variance }: Statistics,
  y: ArrayLike<number>,
  dy: ArrayLike<number>,
  frozen: boolean,
  round: Round,
): { x: Float64Array; gamma: Float64Array; beta: Float64Array } {
  const gradX = new Float64Array(rows * channels);
  const gradGamma = new Float64Array(channels);
  const gradBeta = new Float64Array(channels);
  const dz = gradX.map((_, i) => round(dy[i]! * activationDerivative(activation, y[i]!, slope, round)));
  for (let c = 0; c < channels; c++) {
    const factor = inverse(variance[c]!, round);
    const normalised = (i: number): number => round(round(x[i]! - mean[c]!) * factor);
    for (let r = 0; r < rows; r++) {
      const i = r * channels + c;
      gradBeta[c] = round(gradBeta[c]! + dz[i]!);
      gradGamma[c] = round(gradGamma[c]! + round(dz[i]! * normalised(i)));
    }
    const level = round(gradBeta[c]! / rows);
    const tilt = round(gradGamma[c]! / rows);
    for (let r = 0; r < rows; r++) {
      const i = r * channels + c;
      const centred = frozen ? dz[i]! : round(round(dz[i]! - level) - round(normalised(i) * tilt));
      gradX[i] = round(round(gamma[c]! * factor) * centred);
    }
  }
  return { x: gradX, gamma: gradGamma, beta: gradBeta };
}

function inverse(variance: number, round: Round): number {
  return round(1 / round(Math.sqrt(round(variance + EPSILON))));
}
