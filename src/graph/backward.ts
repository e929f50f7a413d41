/**
 * Reverse-mode differentiation: emits the nodes of vector–Jacobian products into the same graph, so that they are
 * scheduled like any other and can be differentiated again.
 */
import type { Graph, Tensor } from './graph.ts';

/** Emits the sum of two gradients. */
export type Sum = (graph: Graph, a: Tensor, b: Tensor) => Tensor;

/**
 * Gradients of a scalar L with respect to `wanted`, given dL/dt for some tensors t of the graph (the seeds), whose memory
 * may be taken over.
 * @param sum how gradients that reach a tensor along several paths are brought together.
 * @param differentiable keeps every gradient as it is, so that none is fused into a product or added to in place: only then can
 *   what is emitted be differentiated again.
 * @returns one gradient per wanted tensor, undefined where L does not depend on it.
 */
export function backward(
  graph: Graph,
  seeds: readonly (readonly [Tensor, Tensor])[],
  wanted: readonly Tensor[],
  sum: Sum,
  { differentiable = false }: { readonly differentiable?: boolean } = {},
): (Tensor | undefined)[] {
  const forward = [...graph.nodes];
  const asked = new Set<Tensor>(wanted);
  const needed = new Set<Tensor>(wanted);
  for (const node of forward) {
    if (node.inputs.some((input) => needed.has(input))) for (const output of node.outputs) needed.add(output);
  }
  const gradients = new Map<Tensor, Tensor>();
  const accumulate = (tensor: Tensor, gradient: Tensor): void => {
    const before = gradients.get(tensor);
    if (differentiable) graph.keep(gradient);
    const total = before ? sum(graph, before, gradient) : gradient;
    if (differentiable) graph.keep(total);
    gradients.set(tensor, total);
  };
  keepRepeated(
    graph,
    seeds.map(([, gradient]) => gradient),
  );
  for (const [tensor, gradient] of seeds) if (needed.has(tensor)) accumulate(tensor, gradient);
  for (const node of forward.reverse()) {
    const outputGradients = node.outputs.map((output) => gradients.get(output));
    const wants = node.inputs.map((input) => needed.has(input));
    if (!wants.includes(true) || outputGradients.every((g) => g === undefined)) continue;
    if (!node.op.derivative) throw new Error(`backward: ${node.op.name} has no derivative`);
    node.outputs.forEach((output, i) => {
      const gradient = outputGradients[i];
      if (gradient && asked.has(output)) graph.keep(gradient);
    });
    const inputGradients = node.op.derivative(graph, node, outputGradients, wants);
    keepRepeated(graph, [...outputGradients, ...inputGradients]);
    node.inputs.forEach((input, i) => {
      const gradient = inputGradients[i];
      if (gradient && wants[i]) accumulate(input, gradient);
    });
  }
  return wanted.map((tensor) => gradients.get(tensor));
}

/** Keeps gradients that stand for more than one tensor: what one of them does to it must not reach the others. */
function keepRepeated(graph: Graph, gradients: readonly (Tensor | undefined)[]): void {
  gradients.forEach((gradient, i) => {
    if (gradient && gradients.indexOf(gradient) !== i) graph.keep(gradient);
  });
}
