/** Dot products of the rows of two matrices, and rows times numbers: each is the derivative of the other. */
import { kernelCall } from '../gpu/kernel.ts';
import type { Graph, Op, Tensor } from '../graph/graph.ts';
import { elementGroups, lanesAcross } from './grid.ts';
import { reduceColumns } from './reduce.ts';

const rowDotOp: Op<undefined> = {
  name: 'row-dot',
  dispatch({ inputs, outputs }, target) {
    const [a, b, bias] = inputs as readonly [Tensor, Tensor, Tensor?];
    const [out] = outputs as readonly [Tensor];
    const [rows, columns] = a.shape as readonly [number, number];
    const lanes = target.adapter === 'software' ? 1 : lanesAcross(columns);
    return [
      kernelCall({
        kernel: 'row_dot',
        label: out.name,
        params: { rows, columns },
        bindings: { a, b, bias: bias ?? a, out },
        overrides: { HAS_BIAS: Number(bias !== undefined), LANES: lanes },
        workgroups: elementGroups(rows, 64 / lanes),
        flops: 2 * rows * columns,
        bytes: 4 * rows * (2 * columns + 1),
      }),
    ];
  },
  derivative(graph, { inputs }, gradients, wanted) {
    const [a, b] = inputs as readonly [Tensor, Tensor];
    const [gradient] = gradients as readonly [Tensor];
    return [
      wanted[0] ? timesRows(graph, gradient, b, `d(${a.name})`) : undefined,
      wanted[1] ? timesRows(graph, gradient, a, `d(${b.name})`) : undefined,
      wanted[2] ? reduceColumns(graph, gradient, 'sum', 1) : undefined,
    ];
  },
};

const timesRowsOp: Op<undefined> = {
  name: 'row-dot-gradient',
  dispatch({ inputs, outputs }) {
    const [g, x] = inputs as readonly [Tensor, Tensor];
    const [out] = outputs as readonly [Tensor];
    const [rows, columns] = x.shape as readonly [number, number];
    return [
      kernelCall({
        kernel: 'row_dot_gradient',
        label: out.name,
        params: { rows, columns },
        bindings: { g, x, out },
        workgroups: elementGroups(rows * columns, 64),
        flops: rows * columns,
        bytes: 4 * rows * (2 * columns + 1),
      }),
    ];
  },
  derivative(graph, { inputs }, gradients, wanted) {
    const [g, x] = inputs as readonly [Tensor, Tensor];
    const [gradient] = gradients as readonly [Tensor];
    return [
      wanted[0] ? rowDot(graph, gradient, x, { name: `d(${g.name})` }) : undefined,
      wanted[1] ? timesRows(graph, g, gradient, `d(${x.name})`) : undefined,
    ];
  },
};

/** g_r·x_rc: g has a value for each row of x [rows, columns]. */
function timesRows(graph: Graph, g: Tensor, x: Tensor, name: string): Tensor {
  return graph.add(timesRowsOp, {
    inputs: [g, x],
    outputs: [{ name, shape: x.shape }],
    attributes: undefined,
  })[0];
}

/** Σ_c a_rc·b_rc (+ bias) for every row r of a and b [rows, columns]: [rows, 1]. The bias is one value, [1]. */
export function rowDot(
  graph: Graph,
  a: Tensor,
  b: Tensor,
  { bias, name = `dot(${a.name}, ${b.name})` }: { readonly bias?: Tensor; readonly name?: string } = {},
): Tensor {
  return graph.add(rowDotOp, {
    inputs: bias ? [a, b, bias] : [a, b],
    outputs: [{ name, shape: [a.shape[0]!, 1] }],
    attributes: undefined,
  })[0];
}
