/** Between the flat parameter buffer of a network and its named tensors. */
import { sizeOf } from '../graph/graph.ts';
import type { ParameterLayout } from '../nn/layers.ts';
import type { Weights } from './model.ts';

/** Splits a flat buffer's contents into named tensors. */
export function unflatten(layout: ParameterLayout, flat: Float32Array<ArrayBuffer>): Weights {
  return new Map(
    layout.parameters.map(({ name, shape, offset }) => [
      name,
      { shape, data: flat.slice(offset / 4, offset / 4 + sizeOf(shape)) },
    ]),
  );
}

/** The flat buffer's contents from named tensors; the padding between them is zero. */
export function flatten(layout: ParameterLayout, weights: Weights): Float32Array<ArrayBuffer> {
  const flat = new Float32Array(layout.bytes / 4);
  for (const { name, shape, offset } of layout.parameters) {
    const tensor = weights.get(name);
    if (!tensor || tensor.data.length !== sizeOf(shape))
      throw new Error(
        `weights: ${name} should have shape [${shape}], has ${tensor ? `[${tensor.shape}]` : 'none'}`,
      );
    flat.set(tensor.data, offset / 4);
  }
  return flat;
}
