/**
 * Random tensors from counters: element e of a sequence is word e mod 2 of threefry block ⌊e/2⌋, so that any part of any
 * sequence can be drawn on its own, with no state. The host twin is `data/random.ts`.
 */
import { type ParamValue, kernelCall } from '../gpu/kernel.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { elementGroups } from './grid.ts';

export interface RandomSource {
  /** Seed and stream. */
  readonly key: readonly [ParamValue, ParamValue];
  /** Second counter word: which sequence of the key. */
  readonly counter: ParamValue;
  /** First block of the sequence to draw. Default 0. */
  readonly firstBlock?: ParamValue;
}

interface Random extends RandomSource {
  readonly kernel: 'threefry_uniform' | 'threefry_normal';
}

const threefryOp: Op<Random> = {
  name: 'threefry',
  dispatch({ outputs, attributes: { kernel, key, counter, firstBlock = 0 } }) {
    const out = outputs[0] as Tensor;
    const count = sizeOf(out.shape);
    return [
      kernelCall({
        kernel,
        label: out.name,
        params: { count, key0: key[0], key1: key[1], counter1: counter, first_block: firstBlock },
        bindings: { out },
        workgroups: elementGroups(count, 128),
        flops: 60 * count,
        bytes: 4 * count,
      }),
    ];
  },
};

/** Uniforms in (0, 1]. */
export function threefryUniform(
  graph: Graph,
  name: string,
  shape: readonly number[],
  source: RandomSource,
): Tensor {
  return graph.add(threefryOp, {
    inputs: [],
    outputs: [{ name, shape }],
    attributes: { kernel: 'threefry_uniform', ...source },
  })[0];
}

/** Standard normals. */
export function threefryNormal(
  graph: Graph,
  name: string,
  shape: readonly number[],
  source: RandomSource,
): Tensor {
  return graph.add(threefryOp, {
    inputs: [],
    outputs: [{ name, shape }],
    attributes: { kernel: 'threefry_normal', ...source },
  })[0];
}
