/** A tensor of one value everywhere. */
import { kernelCall } from '../gpu/kernel.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { elementGroups } from './grid.ts';

const fillOp: Op<{ readonly value: number }> = {
  name: 'fill',
  dispatch({ outputs, attributes: { value } }) {
    const [out] = outputs as readonly [Tensor];
    const count = sizeOf(out.shape);
    return [
      kernelCall({
        kernel: 'fill',
        label: out.name,
        params: { count, value },
        bindings: { out },
        workgroups: elementGroups(count, 64),
        flops: 0,
        bytes: 4 * count,
      }),
    ];
  },
};

/** The value in every element of the shape. */
export function fill(graph: Graph, shape: readonly number[], value: number): Tensor {
  return graph.add(fillOp, { inputs: [], outputs: [{ name: `${value}`, shape }], attributes: { value } })[0];
}
