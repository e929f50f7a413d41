/** Sums, means and maxima of a matrix along its rows or its columns. Sums and means have derivatives, maxima have none. */
import { kernelCall } from '../gpu/kernel.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { elementGroups, lanesAcross } from './grid.ts';

export const REDUCTIONS = ['sum', 'mean', 'max'] as const;
export type Reduction = (typeof REDUCTIONS)[number];

interface Reduce {
  readonly kind: Reduction;
  /** The matrix that is reduced; the tensor's own shape may divide its values otherwise. */
  readonly rows: number;
  readonly columns: number;
  /** What is reduced to one number: each row, or each column. */
  readonly of: 'rows' | 'columns';
}

const reduceOp: Op<Reduce> = {
  name: 'reduce',
  dispatch({ inputs, outputs, attributes: { kind, of, rows, columns } }) {
    const [x] = inputs as readonly [Tensor];
    const [out] = outputs as readonly [Tensor];
    // A few columns leave invocations free for their rows, as of the bias of an image's last layer.
    const across = Math.min(16, lanesAcross(columns));
    return [
      kernelCall({
        kernel: of === 'rows' ? 'reduce_rows' : 'reduce_columns',
        label: out.name,
        params: { rows, columns },
        bindings: { x, out },
        overrides: { KIND: REDUCTIONS.indexOf(kind), ...(of === 'rows' ? {} : { ACROSS: across }) },
        workgroups: of === 'rows' ? elementGroups(rows, 1) : elementGroups(columns, across),
        flops: rows * columns,
        bytes: 4 * (rows * columns + out.shape[0]!),
      }),
    ];
  },
  derivative(graph, { inputs, attributes }, [gradient]) {
    const { kind, of } = attributes;
    if (kind === 'max') throw new Error(`reduce: the maximum of the ${of} has no derivative`);
    return [gradient && spread(graph, gradient, (inputs[0] as Tensor).shape, { ...attributes, kind })];
  },
};

const spreadOp: Op<Reduce & { readonly kind: 'sum' | 'mean' }> = {
  name: 'reduce-spread',
  dispatch({ inputs, outputs, attributes: { kind, of, rows, columns } }) {
    const [g] = inputs as readonly [Tensor];
    const [out] = outputs as readonly [Tensor];
    return [
      kernelCall({
        kernel: 'reduce_spread',
        label: out.name,
        params: { rows, columns, scale: kind === 'sum' ? 1 : 1 / (of === 'rows' ? columns : rows) },
        bindings: { g, out },
        overrides: { ALONG_ROWS: Number(of === 'columns') },
        workgroups: elementGroups(rows * columns, 64),
        flops: rows * columns,
        bytes: 4 * (rows * columns + g.shape[0]!),
      }),
    ];
  },
  derivative: (graph, { attributes }, [gradient]) => [gradient && reduce(graph, gradient, attributes)],
};

function reduce(graph: Graph, x: Tensor, attributes: Reduce): Tensor {
  const { kind, of } = attributes;
  return graph.add(reduceOp, {
    inputs: [x],
    outputs: [{ name: `${kind}(${of} of ${x.name})`, shape: [attributes[of]] }],
    attributes,
  })[0];
}

/** The gradient of a sum or mean, from the gradient of its result. */
function spread(
  graph: Graph,
  gradient: Tensor,
  shape: readonly number[],
  attributes: Reduce & { readonly kind: 'sum' | 'mean' },
): Tensor {
  return graph.add(spreadOp, {
    inputs: [gradient],
    outputs: [{ name: `spread(${gradient.name})`, shape }],
    attributes,
  })[0];
}

/** Each row of x [rows, columns] reduced to one number: [rows]. */
export function reduceRows(graph: Graph, x: Tensor, kind: Reduction): Tensor {
  const [rows, columns] = x.shape as readonly [number, number];
  return reduce(graph, x, { kind, of: 'rows', rows, columns });
}

/**
 * Each column of x [rows, columns] reduced to one number: [columns].
 * @param columns where x is to be read as a matrix of that many columns, whatever its shape. Default those of its shape.
 */
export function reduceColumns(
  graph: Graph,
  x: Tensor,
  kind: Reduction,
  columns = x.shape[1] as number,
): Tensor {
  return reduce(graph, x, { kind, of: 'columns', rows: sizeOf(x.shape) / columns, columns });
}
