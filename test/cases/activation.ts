/**
 * Cases of the activations, their gradients and the gradients of those: counts around a workgroup's; saturation, zeros of
 * both signs, tiny values.
 */
import { backward } from '../../src/graph/backward.ts';
import { ACTIVATIONS, type ActivationKind, isLinearInPieces } from '../../src/ops/activation-kinds.ts';
import { activation, activationGradient } from '../../src/ops/activation.ts';
import { add } from '../../src/ops/add.ts';
import * as twin from '../reference/activation.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

const SLOPE = 0.2;
/** Ends and turning points of every function. */
const EDGES = [
  0, -0, 1e-30, -1e-30, 1e-6, -1e-6, 0.01, -0.01, 4.6, 16, -16, 40, -40, 80, -80, 90, -90, 1e4, -1e4, 3e38,
  -3e38,
];

function caseOf(
  kind: ActivationKind,
  name: string,
  x: Float32Array<ArrayBuffer>,
  bench: boolean,
): KernelCase {
  const upstream = filled(x.length, randomOf(7).normal);
  return {
    name: `${kind}-${name}`,
    inputs: {
      x: { data: x, shape: [x.length] },
      upstream: { data: upstream, shape: [x.length] },
    },
    build: (graph, tensors) => {
      const y = activation(graph, tensors['x']!, kind, SLOPE);
      const [dx] = backward(graph, [[y, tensors['upstream']!]], [tensors['x']!], add);
      return { y, dx: dx! };
    },
    reference: (round) => {
      const y = Float64Array.from(x, (value) => twin.activate(kind, value, SLOPE, round));
      return {
        y,
        dx: y.map((value, i) => round(upstream[i]! * twin.activationDerivative(kind, value, SLOPE, round))),
      };
    },
    bench,
  };
}

/** Gradients of Σ g ⊙ dy ⊙ f'(y) with respect to dy and y, y outputs of f. */
function secondCaseOf(
  kind: ActivationKind,
  name: string,
  x: Float32Array<ArrayBuffer>,
  bench: boolean,
): KernelCase {
  const { normal } = randomOf(8);
  const shape = [x.length];
  const y = x.map((value) => twin.activate(kind, value, SLOPE, (exact) => exact));
  const dy = filled(x.length, normal);
  const g = filled(x.length, normal);
  const curved = !isLinearInPieces(kind);
  return {
    name: `gradient-${kind}-${name}`,
    inputs: { y: { data: y, shape }, dy: { data: dy, shape }, g: { data: g, shape } },
    build: (graph, tensors) => {
      const product = activationGradient(graph, tensors['dy']!, tensors['y']!, kind, SLOPE);
      const wanted = [tensors['dy']!, tensors['y']!];
      const [ofDy, ofY] = backward(graph, [[product, tensors['g']!]], wanted, add);
      return { ofDy: ofDy!, ...(curved ? { ofY: ofY! } : {}) };
    },
    reference: (round) => ({
      ofDy: Float64Array.from(y, (value, i) =>
        round(g[i]! * twin.activationDerivative(kind, value, SLOPE, round)),
      ),
      ...(curved
        ? {
            ofY: Float64Array.from(y, (value, i) =>
              round(round(g[i]! * dy[i]!) * twin.activationCurvature(kind, value, round)),
            ),
          }
        : {}),
    }),
    bench,
  };
}

export const cases: readonly KernelCase[] = ACTIVATIONS.flatMap((kind, i) => [
  ...[65, 10_000].map((count) => secondCaseOf(kind, `${count}`, spread(count, 40 + i), count > 65)),
  secondCaseOf(kind, 'edges', Float32Array.from(EDGES), false),
  ...[1, 63, 64, 65, 10_000].map((count) => caseOf(kind, `${count}`, spread(count, count + i), true)),
  caseOf(kind, 'edges', Float32Array.from(EDGES), false),
]);

/** Normals of standard deviation 3. */
function spread(count: number, seed: number): Float32Array<ArrayBuffer> {
  const { normal } = randomOf(seed);
  return filled(count, () => 3 * normal());
}
