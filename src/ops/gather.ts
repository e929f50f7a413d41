/** Draws a batch from a data set in GPU memory: without replacement within an epoch, each epoch in an order of its own. */
import { type ParamValue, kernelCall } from '../gpu/kernel.ts';
import type { Graph, Op, Tensor } from '../graph/graph.ts';

export interface BatchSource {
  /** [count, size] in words: bytes packed four to a word, or floats. */
  readonly data: Tensor;
  readonly kind: 'bytes' | 'floats';
  readonly count: number;
  /** Values of one sample. */
  readonly size: number;
  /** value = stored · scale. */
  readonly scale: number;
  readonly batch: number;
  /** Seed and stream of the orders. */
  readonly key: readonly [number, number];
  readonly epoch: ParamValue;
  /** Position of the batch's first sample in its epoch. */
  readonly offset: ParamValue;
}

const gatherOp: Op<Omit<BatchSource, 'data'>> = {
  name: 'gather',
  dispatch({ inputs, outputs, attributes }) {
    const { kind, count, size, scale, batch, key, epoch, offset } = attributes;
    const [data] = inputs as readonly [Tensor];
    const [out] = outputs as readonly [Tensor];
    return [
      kernelCall({
        kernel: kind === 'bytes' ? 'gather' : 'gather_floats',
        label: out.name,
        params: { count, size, batch, scale, key0: key[0], key1: key[1], epoch, offset },
        bindings: { data, out },
        workgroups: [batch, 1, 1],
        flops: batch * size,
        bytes: (kind === 'bytes' ? 5 : 8) * batch * size,
      }),
    ];
  },
};

/** The batch that starts at a position of an epoch: [batch, size]. */
export function gatherBatch(graph: Graph, { data, ...source }: BatchSource): Tensor {
  return graph.add(gatherOp, {
    inputs: [data],
    outputs: [{ name: 'real', shape: [source.batch, source.size] }],
    attributes: source,
  })[0];
}
