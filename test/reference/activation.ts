/**
 * Float64 twin of the activations.
 *   relu max(x, 0)   leaky-relu x or slope·x   sigmoid 1/(1 + e⁻ˣ)   tanh   softplus log(1 + eˣ)   linear x
 * Derivatives are functions of the output y: 1 or 0 (relu, 0 at x = 0), 1 or slope, y(1 − y), 1 − y², 1 − e⁻ʸ, 1; theirs
 * by y are 0, 0, 1 − 2y, −2y, e⁻ʸ, 0.
 */
import type { ActivationKind } from '../../src/ops/activation-kinds.ts';
import type { Round } from '../support/case.ts';

/** f(x). */
export function activate(kind: ActivationKind, x: number, slope: number, round: Round): number {
  switch (kind) {
    case 'relu':
      return Math.max(x, 0);
    case 'leaky-relu':
      return x > 0 ? x : round(round(slope) * x);
    case 'sigmoid': {
      const e = round(Math.exp(-Math.abs(x)));
      return round((x >= 0 ? 1 : e) / round(1 + e));
    }
    case 'tanh': {
      const e = round(Math.exp(-2 * Math.abs(x)));
      return round((Math.sign(x) * round(1 - e)) / round(1 + e));
    }
    case 'softplus':
      return round(Math.max(x, 0) + round(Math.log1p(round(Math.exp(-Math.abs(x))))));
    case 'linear':
      return x;
  }
}

/** f'(x) by y = f(x). */
export function activationDerivative(kind: ActivationKind, y: number, slope: number, round: Round): number {
  switch (kind) {
    case 'relu':
      return y > 0 ? 1 : 0;
    case 'leaky-relu':
      return y > 0 ? 1 : round(slope);
    case 'sigmoid':
      return round(y * round(1 - y));
    case 'tanh':
      return round(1 - round(y * y));
    case 'softplus':
      return round(-Math.expm1(-y));
    case 'linear':
      return 1;
  }
}

/** ∂f'/∂y. */
export function activationCurvature(kind: ActivationKind, y: number, round: Round): number {
  switch (kind) {
    case 'sigmoid':
      return round(1 - 2 * y);
    case 'tanh':
      return -2 * y;
    case 'softplus':
      return round(Math.exp(-y));
    default:
      return 0;
  }
}
