/**
 * Float64 twin of the matrix product with its dense-layer surroundings, and of its gradients.
 *   out = f(op(a)·op(b) + bias)      op(a) [m, k], op(b) [k, n], out [m, n], bias [n]
 *   z̄ = d(out) ⊙ f'(out)    d(op(a)) = z̄·op(b)ᵀ    d(op(b)) = op(a)ᵀ·z̄    d(bias) = Σ over rows of z̄
 * Gradients come back in the memory order of a and b, transposed or not.
 */
import type { ActivationKind } from '../../src/ops/activation-kinds.ts';
import type { Round } from '../support/case.ts';
import { activate, activationDerivative } from './activation.ts';

export interface Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** [m, k], or [k, m] with `transposeA`. */
  readonly a: ArrayLike<number>;
  /** [k, n], or [n, k] with `transposeB`. */
  readonly b: ArrayLike<number>;
  readonly bias?: ArrayLike<number>;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly activation?: ActivationKind;
  readonly slope?: number;
}

/** out, [m, n]. */
export function matmul(product: Product, round: Round): Float64Array {
  const { m, n, k, a, b, bias, transposeA, transposeB, activation = 'linear', slope = 0.2 } = product;
  const [am, ak] = transposeA ? [1, m] : [k, 1];
  const [bk, bn] = transposeB ? [1, k] : [n, 1];
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let l = 0; l < k; l++) sum = round(sum + round(a[i * am + l * ak]! * b[l * bk + j * bn]!));
      if (bias) sum = round(sum + bias[j]!);
      out[i * n + j] = activate(activation, sum, slope, round);
    }
  }
  return out;
}

/** d(a), d(b) and d(bias), from the product's result and the gradient of it. */
export function matmulGradients(
  product: Product,
  out: ArrayLike<number>,
  outGradient: ArrayLike<number>,
  round: Round,
): { a: Float64Array; b: Float64Array; bias: Float64Array } {
  const { m, n, k, a, b, transposeA, transposeB, activation = 'linear', slope = 0.2 } = product;
  const [am, ak] = transposeA ? [1, m] : [k, 1];
  const [bk, bn] = transposeB ? [1, k] : [n, 1];
  const dz = Float64Array.from({ length: m * n }, (_, i) =>
    round(outGradient[i]! * activationDerivative(activation, out[i]!, slope, round)),
  );
  const gradients = {
    a: new Float64Array(m * k),
    b: new Float64Array(k * n),
    bias: new Float64Array(n),
  };
  for (let j = 0; j < n; j++) {
    for (let i = 0; i < m; i++) gradients.bias[j] = round(gradients.bias[j]! + dz[i * n + j]!);
  }
  for (let i = 0; i < m; i++) {
    for (let l = 0; l < k; l++) {
      let sum = 0;
      for (let j = 0; j < n; j++) sum = round(sum + round(dz[i * n + j]! * b[l * bk + j * bn]!));
      gradients.a[i * am + l * ak] = sum;
    }
  }
  for (let l = 0; l < k; l++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let i = 0; i < m; i++) sum = round(sum + round(a[i * am + l * ak]! * dz[i * n + j]!));
      gradients.b[l * bk + j * bn] = sum;
    }
  }
  return gradients;
}
