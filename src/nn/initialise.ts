/**
 * Initial weights, drawn on the host so that they are the same on every adapter. What each tensor begins with is in its
 * layout (layers.ts).
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
  layout.parameters.forEach(({ shape, offset, initial }, index) => {
    const values = flat.subarray(offset / 4, offset / 4 + sizeOf(shape));
    if ('value' in initial) values.fill(initial.value);
    else {
      const uniforms = threefryUniforms(values.length, [seed >>> 0, ((stream + 1) * 65536 + index) >>> 0]);
      for (let i = 0; i < values.length; i++) values[i] = (2 * (uniforms[i] as number) - 1) * initial.limit;
    }
  });
  return flat;
}
