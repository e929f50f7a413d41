/**
 * Float64 twin of one optimiser step on flat parameters p with gradients g; t is the number of updates with this one.
 *   scale     g ← g/scale; where a g is not finite, no update, the scale halved, and at a scale of 1 the fault; 2 000 updates
 *             without that double it, up to 2²⁴
 *   clipping  g ← g·clip/‖g‖ where ‖g‖ > clip > 0
 *   adam(w)   m = β₁m + (1 − β₁)g   v = β₂v + (1 − β₂)g²   p −= rate·( m/(1 − β₁ᵗ) / (√(v/(1 − β₂ᵗ)) + ε) + decay·p )
 *   rmsprop   s = ρs + (1 − ρ)g²    p −= rate·g/√(s + ε)
 *   sgd       u = μu + g            p −= rate·u
 *   bound     p ← p brought into [−bound, bound], for a bound above 0
 *   average   a = δa + (1 − δ)p
 * A gradient that is not finite counts as 0, where there is no scale, and raises the fault. An objective that is not finite raises it and stops the
 * step, as do the skip rule while mean D₂(ŷ) ≥ mean D₁(y), and `enabled` off.
 */
import type { OptimiserChoice } from '../../src/ops/optimiser.ts';
import type { Round } from '../support/case.ts';

export interface OptimiserState {
  readonly parameters: Float64Array;
  /** m then v (adam), s, or u. */
  readonly moments: Float64Array;
  readonly average: Float64Array;
  count: number;
  fault: number;
  /** Where the loss has a scale. */
  readonly scaling?: { scale: number; sound: number; overflows: number };
}

export interface Step {
  readonly gradients: ArrayLike<number>;
  readonly averageDecay: number;
  readonly skipRule: boolean;
  readonly enabled: boolean;
  readonly finite: boolean;
  readonly meanCriticReal: number;
  readonly meanCriticFake: number;
}

/** Updates the state in place. */
export function optimiserStep(
  choice: OptimiserChoice,
  state: OptimiserState,
  step: Step,
  round: Round,
): void {
  const { parameters, moments, average } = state;
  const size = parameters.length;
  if (!step.finite) state.fault = 1;
  const skipped = step.skipRule && step.meanCriticFake >= step.meanCriticReal;
  if (!step.enabled || skipped || !step.finite) return;
  const scale = 1 / (state.scaling?.scale ?? 1);
  if (state.scaling && !adaptScale(state.scaling, step.gradients)) {
    if (scale === 1) state.fault = 1;
    return;
  }
  state.count++;

  let factor = scale;
  if (choice.clipNorm > 0) {
    let sum = 0;
    for (let i = 0; i < size; i++) sum = round(sum + round(step.gradients[i]! ** 2));
    const norm = round(scale * round(Math.sqrt(sum)));
    if (norm > choice.clipNorm) factor = round(scale * round(round(choice.clipNorm) / norm));
  }
  const [rate, epsilon] = [round(choice.rate), round(choice.epsilon)];
  const [beta1, beta2] = [round(choice.beta1), round(choice.beta2)];
  const [rest1, rest2, rest] = [round(1 - choice.beta1), round(1 - choice.beta2), round(1 - choice.decay)];
  const correction1 = round(1 - round(beta1 ** state.count));
  const correction2 = round(1 - round(beta2 ** state.count));
  const weightDecay = choice.kind === 'adamw' ? round(choice.weightDecay) : 0;
  for (let i = 0; i < size; i++) {
    let g = round(step.gradients[i]! * factor);
    if (!Number.isFinite(g)) {
      g = 0;
      state.fault = 1;
    }
    const before = parameters[i]!;
    let direction = 0;
    if (choice.kind === 'adam' || choice.kind === 'adamw') {
      const m = round(round(beta1 * moments[i]!) + round(rest1 * g));
      const v = round(round(beta2 * moments[size + i]!) + round(rest2 * round(g * g)));
      moments[i] = m;
      moments[size + i] = v;
      const root = round(Math.sqrt(round(v / correction2)));
      direction = round(round(round(m / correction1) / round(root + epsilon)) + round(weightDecay * before));
    } else if (choice.kind === 'rmsprop') {
      const s = round(round(round(choice.decay) * moments[i]!) + round(rest * round(g * g)));
      moments[i] = s;
      direction = round(g / round(Math.sqrt(round(s + epsilon))));
    } else {
      direction = round(round(round(choice.momentum) * moments[i]!) + g);
      moments[i] = direction;
    }
    const free = round(before - round(rate * direction));
    const bound = choice.weightBound > 0 ? round(choice.weightBound) : Infinity;
    parameters[i] = Math.min(Math.max(free, -bound), bound);
    average[i] = round(
      round(round(step.averageDecay) * average[i]!) + round(round(1 - step.averageDecay) * parameters[i]!),
    );
  }
}

/** Brings the scale up to date; whether the gradients are finite. */
export function adaptScale(
  scaling: NonNullable<OptimiserState['scaling']>,
  gradients: ArrayLike<number>,
): boolean {
  if (!Array.from(gradients).every(Number.isFinite)) {
    scaling.scale = Math.max(scaling.scale / 2, 1);
    scaling.sound = 0;
    scaling.overflows++;
    return false;
  }
  scaling.sound++;
  if (scaling.sound === 2000) {
    scaling.scale = Math.min(2 * scaling.scale, 2 ** 24);
    scaling.sound = 0;
  }
  return true;
}
