/**
 * Float64 twin of the entropic objective over all n·m pairs, its diagnostics and its gradients.
 *   l_ij   l1 Σ|ŷ_j − y_i|    squared Σ(ŷ_j − y_i)²    half-squared ½Σ(ŷ_j − y_i)²
 *          cosine 100·(1 − y_i·ŷ_j), of rows of length 1                    v_ij = D₁_i − D₂_j − l_ij
 *   exp         u = min(v/λ − 1, 40)     p = eᵘ               penalty = λ·mean p              log p = u
 *   logmeanexp  u = v/λ                  p = eᵘ/mean eᵘ       penalty = λ·log mean eᵘ
 *   hinge       u = max(v, 0)/λ          p = u                penalty = λ/2·mean p²
 *   J = mean D₁ − mean D₂ − penalty
 *   ∂J/∂D₁_i = (1 − mean_j p_ij)/n       ∂J/∂D₂_j = (mean_i p_ij − 1)/m
 *   ∂J/∂ŷ_j  = Σ_i p_ij·∂l_ij/∂ŷ_j /(nm)    ∂l/∂ŷ: sign(ŷ − y), 0 at ties; 2(ŷ − y); ŷ − y; −100·y
 */
import type { ObjectiveCost, ObjectiveForm } from '../../src/ops/entropic-objective.ts';
import type { Round } from '../support/case.ts';

export interface Pairs {
  readonly n: number;
  readonly m: number;
  readonly d: number;
  /** [n, d]. */
  readonly real: ArrayLike<number>;
  /** [m, d]. */
  readonly fake: ArrayLike<number>;
  readonly criticReal: ArrayLike<number>;
  readonly criticFake: ArrayLike<number>;
  readonly cost: ObjectiveCost;
  readonly form: ObjectiveForm;
  readonly lambda: number;
}

export interface Objective {
  readonly objective: number;
  readonly penalty: number;
  readonly meanP: number;
  readonly maxRowError: number;
  readonly maxColError: number;
  readonly meanPLogP: number;
  readonly transportCost: number;
  readonly clippedPairs: number;
  readonly meanCriticReal: number;
  readonly meanCriticFake: number;
  /** [n, m]. */
  readonly p: Float64Array;
  readonly gradCriticReal: Float64Array;
  readonly gradCriticFake: Float64Array;
}

/** All but the gradient of the generated samples. */
export function entropicObjective(pairs: Pairs, round: Round): Objective {
  const { n, m, d, real, fake, criticReal, criticFake, cost, form, lambda } = pairs;
  const costs = new Float64Array(n * m);
  const u = new Float64Array(n * m);
  let clippedPairs = 0;
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      let sum = 0;
      for (let k = 0; k < d; k++) {
        const [a, b] = [fake[j * d + k]!, real[i * d + k]!];
        const difference = round(a - b);
        const term = cost === 'cosine' ? round(a * b) : round(difference * difference);
        sum = round(sum + (cost === 'l1' ? Math.abs(difference) : term));
      }
      const l = cost === 'cosine' ? round(100 * round(1 - sum)) : cost === 'half-squared' ? 0.5 * sum : sum;
      const v = round(round(round(criticReal[i]! - criticFake[j]!) - l) / lambda);
      costs[i * m + j] = l;
      u[i * m + j] = form === 'exp' ? Math.min(round(v - 1), 40) : form === 'hinge' ? Math.max(v, 0) : v;
      if (form === 'exp' && round(v - 1) > 40) clippedPairs++;
    }
  }

  // p, and log p where p > 0.
  const p = new Float64Array(n * m);
  const logP = new Float64Array(n * m);
  let penalty = 0;
  if (form === 'logmeanexp') {
    const largest = u.reduce((a, b) => Math.max(a, b), -Infinity);
    for (let i = 0; i < n * m; i++) p[i] = round(Math.exp(round(u[i]! - largest)));
    const mean = meanOf(p, round);
    const logMean = round(Math.log(mean));
    for (let i = 0; i < n * m; i++) {
      p[i] = round(p[i]! / mean);
      logP[i] = round(round(u[i]! - largest) - logMean);
    }
    penalty = round(lambda * round(largest + logMean));
  } else {
    for (let i = 0; i < n * m; i++) {
      p[i] = form === 'exp' ? round(Math.exp(u[i]!)) : u[i]!;
      logP[i] = form === 'exp' ? u[i]! : p[i]! > 0 ? round(Math.log(p[i]!)) : 0;
    }
    penalty =
      form === 'exp'
        ? round(lambda * meanOf(p, round))
        : round(
            0.5 *
              lambda *
              meanOf(
                p.map((x) => round(x * x)),
                round,
              ),
          );
  }

  const gradCriticReal = new Float64Array(n);
  const gradCriticFake = new Float64Array(m);
  let maxRowError = 0;
  let maxColError = 0;
  for (let i = 0; i < n; i++) {
    const mean = meanOf(p.subarray(i * m, (i + 1) * m), round);
    gradCriticReal[i] = round(round(1 - mean) / n);
    maxRowError = Math.max(maxRowError, Math.abs(round(mean - 1)));
  }
  for (let j = 0; j < m; j++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum = round(sum + p[i * m + j]!);
    const mean = round(sum / n);
    gradCriticFake[j] = round(round(mean - 1) / m);
    maxColError = Math.max(maxColError, Math.abs(round(mean - 1)));
  }
  const meanCriticReal = meanOf(criticReal, round);
  const meanCriticFake = meanOf(criticFake, round);
  return {
    objective: round(round(meanCriticReal - meanCriticFake) - penalty),
    penalty,
    meanP: meanOf(p, round),
    maxRowError,
    maxColError,
    meanPLogP: meanOf(
      p.map((x, i) => round(x * logP[i]!)),
      round,
    ),
    transportCost: meanOf(
      p.map((x, i) => round(x * costs[i]!)),
      round,
    ),
    clippedPairs,
    meanCriticReal,
    meanCriticFake,
    p,
    gradCriticReal,
    gradCriticFake,
  };
}

/** ∂J/∂ŷ through the cost, [m, d]. @param p the density of the coupling, [n, m]. */
export function entropicObjectiveGradient(pairs: Pairs, p: ArrayLike<number>, round: Round): Float64Array {
  const { n, m, d, real, fake, cost } = pairs;
  const gradient = new Float64Array(m * d);
  for (let j = 0; j < m; j++) {
    for (let k = 0; k < d; k++) {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const difference = round(fake[j * d + k]! - real[i * d + k]!);
        const slope = {
          l1: Math.sign(difference),
          squared: 2 * difference,
          'half-squared': difference,
          cosine: round(-100 * real[i * d + k]!),
        }[cost];
        sum = round(sum + round(p[i * m + j]! * slope));
      }
      gradient[j * d + k] = round(sum / (n * m));
    }
  }
  return gradient;
}

function meanOf(values: ArrayLike<number>, round: Round): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum = round(sum + values[i]!);
  return round(sum / values.length);
}
