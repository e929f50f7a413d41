/** Gaussians fitted to a posterior in one dimension, where the divergence from it is an integral that can be taken. */
import { Matrix } from 'ml-matrix';
import { expect, it } from 'vitest';
import { smoothedGaussians } from '../src/likelihood/smoothed-gaussian.ts';
import { randomOf } from './support/random.ts';

interface Potential {
  readonly value: (x: number) => number;
  readonly slope: (x: number) => number;
  readonly curvature: (x: number) => number;
}

async function smoothed(potential: Potential, mean: number, precision: number, rounds: number) {
  const { normal } = randomOf(3);
  const start = { means: Float32Array.of(mean), precisions: [new Matrix([[precision]])] };
  const { means, precisions } = await smoothedGaussians(start, 1, rounds, normal, (latents) =>
    Promise.resolve({ gradients: latents.map(potential.slope), hessians: latents.map(potential.curvature) }),
  );
  return { mean: means[0]!, precision: precisions[0]!.get(0, 0) };
}

/** KL(q ‖ p) + log of p's integral, p ∝ exp(−U). */
function divergence({ value }: Potential, { mean, precision }: { mean: number; precision: number }): number {
  const sigma = 1 / Math.sqrt(precision);
  let sum = 0;
  const step = 0.001;
  for (let z = -8; z <= 8; z += step) {
    const q = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
    sum += step * q * ((-z * z) / 2 - Math.log(sigma * Math.sqrt(2 * Math.PI)) + value(mean + sigma * z));
  }
  return sum;
}

it('leaves a Gaussian posterior as it is', async () => {
  const gaussian = {
    value: (x: number) => 2 * (x - 1) ** 2,
    slope: (x: number) => 4 * (x - 1),
    curvature: () => 4,
  };
  const { mean, precision } = await smoothed(gaussian, 1, 4, 3);
  expect(mean).toBeCloseTo(1, 6);
  expect(precision).toBeCloseTo(4, 6);
});

it('sees both sides of a corner', async () => {
  // Beyond 0 the output no longer moves, as behind a ReLU: the mode lies just before the corner.
  const corner: Potential = {
    value: (x) => (x * x) / 2 + 10 * (Math.min(x, 0) + 0.05) ** 2,
    slope: (x) => x + (x < 0 ? 20 * (x + 0.05) : 0),
    curvature: (x) => 1 + (x < 0 ? 20 : 0),
  };
  const laplace = { mean: -1 / 21, precision: 21 };
  const fitted = await smoothed(corner, laplace.mean, laplace.precision, 3);
  expect(fitted.precision).toBeLessThan(0.7 * laplace.precision);
  expect(fitted.mean).toBeGreaterThan(0);
  expect(divergence(corner, fitted)).toBeLessThan(divergence(corner, laplace) - 0.1);
});
