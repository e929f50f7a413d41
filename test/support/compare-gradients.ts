/** Holds the gradients of a network's tensors against others, and against central differences of the loss. */
import { expect } from 'vitest';
import type { Tensors } from './stack-twin.ts';

function norm(values: ArrayLike<number>): number {
  return Math.hypot(...Array.from(values));
}

/**
 * Largest ‖a − b‖/‖b‖ over the tensors. Where a tensor's gradient cancels (D₂'s last bias is Σ_j ∂J/∂D₂_j, which is 0 in the
 * logmeanexp form), its scale is a hundredth of the whole gradient's.
 */
export function worstError(found: Tensors, expected: Tensors): number {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  const whole = Math.hypot(...[...expected.values()].map(norm));
  return Math.max(
    ...[...expected].map(([name, b]) => {
      const difference = b.map((x, i) => x - found.get(name)![i]!);
      return norm(difference) / Math.max(norm(b), 0.01 * whole);
    }),
  );
}

/** Central differences of a loss, weight by weight. */
export function differences(weights: Tensors, loss: (weights: Tensors) => number): Tensors {
  const step = 1e-5;
  const moved = new Map([...weights].map(([name, values]) => [name, values.slice()]));
  return new Map(
    [...moved].map(([name, values]) => [
      name,
      values.map((value, i) => {
        const at = (x: number): number => {
          values[i] = x;
          return loss(moved);
        };
        const slope = (at(value + step) - at(value - step)) / (2 * step);
        values[i] = value;
        return slope;
      }),
    ]),
  );
}
