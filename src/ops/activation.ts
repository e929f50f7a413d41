/**
 * Activation functions on their own, their gradients, and the gradients of those; in dense layers the first two ride in the
 * products (`ops/product.ts`).
 */
import { kernelCall } from '../gpu/kernel.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { type ActivationKind, activationNumber, isLinearInPieces } from './activation-kinds.ts';
import { elementGroups } from './grid.ts';

interface Activation {
  readonly kind: ActivationKind;
  readonly slope: number;
}

const activationOp: Op<Activation> = {
  name: 'activation',
  dispatch({ inputs, outputs, attributes: { kind, slope } }) {
    const [x] = inputs as readonly [Tensor];
    const [out] = outputs as readonly [Tensor];
    const count = sizeOf(out.shape);
    return [
      kernelCall({
        kernel: 'activation',
        label: out.name,
        params: { count, slope },
        bindings: { x, out },
        overrides: { ACTIVATION: activationNumber(kind) },
        workgroups: elementGroups(count, 64),
        flops: 10 * count,
        bytes: 8 * count,
      }),
    ];
  },
  derivative(graph, { outputs, attributes: { kind, slope } }, [gradient]) {
    return [gradient && activationGradient(graph, gradient, outputs[0] as Tensor, kind, slope)];
  },
};

const activationGradientOp: Op<Activation> = {
  name: 'activation-gradient',
  dispatch({ inputs, outputs, attributes: { kind, slope } }) {
    const [dy, y] = inputs as readonly [Tensor, Tensor];
    const [out] = outputs as readonly [Tensor];
    const count = sizeOf(out.shape);
    return [
      kernelCall({
        kernel: 'activation_gradient',
        label: out.name,
        params: { count, slope },
        bindings: { dy, y, out },
        overrides: { ACTIVATION: activationNumber(kind) },
        workgroups: elementGroups(count, 64),
        flops: 10 * count,
        bytes: 12 * count,
      }),
    ];
  },
  derivative(graph, { inputs, attributes: { kind, slope } }, [gradient], wanted) {
    const [dy, y] = inputs as readonly [Tensor, Tensor];
    return [
      gradient && wanted[0] ? activationGradient(graph, gradient, y, kind, slope) : undefined,
      gradient && wanted[1] && !isLinearInPieces(kind)
        ? activationCurvature(graph, gradient, dy, y, kind)
        : undefined,
    ];
  },
};

const activationCurvatureOp: Op<Pick<Activation, 'kind'>> = {
  name: 'activation-curvature',
  dispatch({ inputs, outputs, attributes: { kind } }) {
    const [g, dy, y] = inputs as readonly [Tensor, Tensor, Tensor];
    const [out] = outputs as readonly [Tensor];
    const count = sizeOf(out.shape);
    return [
      kernelCall({
        kernel: 'activation_curvature',
        label: out.name,
        params: { count },
        bindings: { g, dy, y, out },
        overrides: { ACTIVATION: activationNumber(kind) },
        workgroups: elementGroups(count, 64),
        flops: 10 * count,
        bytes: 16 * count,
      }),
    ];
  },
};

/** f(x), elementwise. @param slope of leaky ReLU below zero. */
export function activation(graph: Graph, x: Tensor, kind: ActivationKind, slope = 0.2): Tensor {
  return graph.add(activationOp, {
    inputs: [x],
    outputs: [{ name: `${kind}(${x.name})`, shape: x.shape }],
    attributes: { kind, slope },
  })[0];
}

/** dy ⊙ f'(x), through the output y = f(x). */
export function activationGradient(
  graph: Graph,
  dy: Tensor,
  y: Tensor,
  kind: ActivationKind,
  slope = 0.2,
): Tensor {
  return graph.add(activationGradientOp, {
    inputs: [dy, y],
    outputs: [{ name: `d(${y.name})·${kind}'`, shape: y.shape }],
    attributes: { kind, slope },
  })[0];
}

/** The gradient with respect to y of dy ⊙ f'(y), of which g is the gradient: g ⊙ dy ⊙ ∂f'/∂y. */
function activationCurvature(graph: Graph, g: Tensor, dy: Tensor, y: Tensor, kind: ActivationKind): Tensor {
  return graph.add(activationCurvatureOp, {
    inputs: [g, dy, y],
    outputs: [{ name: `d(${y.name})·${kind}''`, shape: y.shape }],
    attributes: { kind },
  })[0];
}
