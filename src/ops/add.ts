/** Sum of two tensors of one shape: how gradients that reach a tensor along several paths come together. */
import { kernelCall } from '../gpu/kernel.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { elementGroups } from './grid.ts';

const addOp: Op<undefined> = {
  name: 'add',
  dispatch({ inputs, outputs }) {
    const [a, b] = inputs as readonly [Tensor, Tensor];
    const [out] = outputs as readonly [Tensor];
    const count = sizeOf(out.shape);
    return [
      kernelCall({
        kernel: 'add',
        label: out.name,
        params: { count },
        bindings: { a, b, out },
        workgroups: elementGroups(count, 256),
        flops: count,
        bytes: 12 * count,
      }),
    ];
  },
  derivative: (_graph, _node, [gradient]) => [gradient, gradient],
};

/** a + b, elementwise, shapes equal. */
export function add(graph: Graph, a: Tensor, b: Tensor): Tensor {
  return graph.add(addOp, {
    inputs: [a, b],
    outputs: [{ name: `${a.name}+${b.name}`, shape: a.shape }],
    attributes: undefined,
  })[0];
}
