/**
 * Initial weights, drawn on the host so that they are the same on every adapter: uniform with standard deviation
 * √(2/(fan_in + fan_out)) (Glorot & Bengio 2010) for dense layers; biases zero.
 */
import { threefryUniforms } from '../data/random.ts';
import { sizeOf } from '../graph/graph.ts';
import type { ParameterLayout } from './layers.ts';

/** The flat initial parameters of a layout. The same seed and stream give the same values. */
export function initialParameters(
  layout: ParameterLayout,
  seed: number,
  stream: number,
): Float32Array<ArrayBuffer> {
  const flat = new Float32Array(layout.bytes / 4);
  layout.parameters.forEach((parameter, index) => {
    if (parameter.shape.length < 2) return;
    const count = sizeOf(parameter.shape);
    const limit = Math.sqrt(6 / (parameter.fanIn + parameter.fanOut));
    const uniforms = threefryUniforms(count, [seed >>> 0, ((stream + 1) * 65536 + index) >>> 0]);
    for (let i = 0; i < count; i++)
      flat[parameter.offset / 4 + i] = (2 * (uniforms[i] as number) - 1) * limit;
  });
  return flat;
}
