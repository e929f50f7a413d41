/** The penalty on gradients whose norm is not 1, (‖g‖ − 1)², and its gradient with respect to them. */
import { kernelCall } from '../gpu/kernel.ts';
import type { Graph, Op, Tensor } from '../graph/graph.ts';
import { elementGroups } from './grid.ts';

const gradientPenaltyOp: Op<{ readonly scale: number }> = {
  name: 'gradient-penalty',
  dispatch({ inputs, outputs, attributes: { scale } }) {
    const [g] = inputs as readonly [Tensor];
    const [values, out] = outputs as readonly [Tensor, Tensor];
    const [rows, columns] = g.shape as readonly [number, number];
    return [
      kernelCall({
        kernel: 'gradient_penalty',
        label: values.name,
        params: { rows, columns, scale },
        bindings: { g, values, out },
        workgroups: elementGroups(rows, 1),
        flops: 4 * rows * columns,
        bytes: 8 * rows * columns,
      }),
    ];
  },
};

/**
 * (‖g_r‖ − 1)² of every row of g [rows, columns], and its derivative with respect to g times `scale`, which is 0 where
 * g_r = 0.
 */
export function gradientPenalty(
  graph: Graph,
  g: Tensor,
  scale: number,
): { readonly values: Tensor; readonly gradient: Tensor } {
  const [values, gradient] = graph.add(gradientPenaltyOp, {
    inputs: [g],
    outputs: [
      { name: 'penalty', shape: [g.shape[0]!] },
      { name: `penalty.d(${g.name})`, shape: g.shape },
    ],
    attributes: { scale },
  });
  return { values, gradient };
}
