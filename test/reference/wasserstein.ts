/**
 * Float64 twin of the Wasserstein objective of one critic D.
 *   J = mean_i D(y_i) − mean_j D(ŷ_j) − weight·mean_k penalty_k      ∂J/∂D(y_i) = 1/n      ∂J/∂D(ŷ_j) = −1/m
 */
import type { Round } from '../support/case.ts';

export interface Wasserstein {
  readonly objective: number;
  readonly penalty: number;
  readonly meanCriticReal: number;
  readonly meanCriticFake: number;
  readonly gradCriticReal: Float64Array;
  readonly gradCriticFake: Float64Array;
}

export function wasserstein(
  criticReal: ArrayLike<number>,
  criticFake: ArrayLike<number>,
  penalties: ArrayLike<number>,
  weight: number,
  round: Round,
): Wasserstein {
  const meanCriticReal = meanOf(criticReal, round);
  const meanCriticFake = meanOf(criticFake, round);
  const penalty = penalties.length > 0 ? round(weight * meanOf(penalties, round)) : 0;
  return {
    objective: round(round(meanCriticReal - meanCriticFake) - penalty),
    penalty,
    meanCriticReal,
    meanCriticFake,
    gradCriticReal: new Float64Array(criticReal.length).fill(round(1 / criticReal.length)),
    gradCriticFake: new Float64Array(criticFake.length).fill(round(-1 / criticFake.length)),
  };
}

function meanOf(values: ArrayLike<number>, round: Round): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum = round(sum + values[i]!);
  return round(sum / values.length);
}
