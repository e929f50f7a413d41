/** Points between the rows of two matrices. */
import { kernelCall } from '../gpu/kernel.ts';
import type { Graph, Op, Tensor } from '../graph/graph.ts';
import { elementGroups } from './grid.ts';

const interpolateOp: Op<undefined> = {
  name: 'interpolate',
  dispatch({ inputs, outputs }) {
    const [a, b, epsilon] = inputs as readonly [Tensor, Tensor, Tensor];
    const [out] = outputs as readonly [Tensor];
    const [rows, columns] = out.shape as readonly [number, number];
    return [
      kernelCall({
        kernel: 'interpolate',
        label: out.name,
        params: { rows, columns },
        bindings: { a, b, epsilon, out },
        workgroups: elementGroups(rows * columns, 64),
        flops: 4 * rows * columns,
        bytes: 12 * rows * columns,
      }),
    ];
  },
};

/** ε_r·a_r + (1 − ε_r)·b_r for every row r: a, b [rows, columns], ε [rows]. It has no derivative. */
export function interpolate(graph: Graph, a: Tensor, b: Tensor, epsilon: Tensor): Tensor {
  return graph.add(interpolateOp, {
    inputs: [a, b, epsilon],
    outputs: [{ name: 'between', shape: a.shape }],
    attributes: undefined,
  })[0];
}
