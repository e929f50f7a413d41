/** Rows brought to length 1, with a derivative: the samples as the cosine cost sees them. */
import { kernelCall } from '../gpu/kernel.ts';
import type { Graph, Op, Tensor } from '../graph/graph.ts';
import { elementGroups } from './grid.ts';

const normaliseRowsOp: Op<undefined> = {
  name: 'normalise-rows',
  dispatch({ inputs, outputs }) {
    const [x] = inputs as readonly [Tensor];
    const [out, norms] = outputs as readonly [Tensor, Tensor];
    const [rows, columns] = x.shape as readonly [number, number];
    return [
      kernelCall({
        kernel: 'normalise_rows',
        label: out.name,
        params: { rows, columns },
        bindings: { x, out, norms },
        workgroups: elementGroups(rows, 1),
        flops: 3 * rows * columns,
        bytes: 8 * rows * columns,
      }),
    ];
  },
  derivative(graph, { inputs, outputs }, [gradient]) {
    const [x] = inputs as readonly [Tensor];
    const [unit, norms] = outputs as readonly [Tensor, Tensor];
    if (!gradient) return [undefined];
    return graph.add(normaliseRowsGradientOp, {
      inputs: [gradient, unit, norms],
      outputs: [{ name: `d(${x.name})`, shape: x.shape }],
      attributes: undefined,
    });
  },
};

const normaliseRowsGradientOp: Op<undefined> = {
  name: 'normalise-rows-gradient',
  dispatch({ inputs, outputs }) {
    const [g, u, norms] = inputs as readonly [Tensor, Tensor, Tensor];
    const [dx] = outputs as readonly [Tensor];
    const [rows, columns] = dx.shape as readonly [number, number];
    return [
      kernelCall({
        kernel: 'normalise_rows_gradient',
        label: dx.name,
        params: { rows, columns },
        bindings: { g, u, norms, dx },
        workgroups: elementGroups(rows, 1),
        flops: 5 * rows * columns,
        bytes: 20 * rows * columns,
      }),
    ];
  },
};

/** x_r/‖x_r‖ for every row of x [rows, columns]; rows shorter than 1e-12 become zero, and so does their gradient. */
export function normaliseRows(graph: Graph, x: Tensor): Tensor {
  return graph.add(normaliseRowsOp, {
    inputs: [x],
    outputs: [
      { name: `unit(${x.name})`, shape: x.shape },
      { name: `norms(${x.name})`, shape: [x.shape[0]!] },
    ],
    attributes: undefined,
  })[0];
}
