/** The matrix product for arrays that the caller has: one call, arrays in and out. */
import type { Device } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import { type HostTensor, evaluate } from '../graph/evaluate.ts';
import type { Tensor } from '../graph/graph.ts';
import { ACTIVATIONS, type ActivationKind } from '../ops/activation-kinds.ts';
import { matmul as emitMatmul } from '../ops/matmul.ts';
import { type FloatMatrix, checkMatrix, checkVector } from './matrix.ts';

export interface MatmulSettings {
  /** a is [k, m], its transpose is taken. Default false. */
  readonly transposeA?: boolean;
  /** b is [n, k], its transpose is taken. Default false. */
  readonly transposeB?: boolean;
  /** n values, added to each row. Default none. */
  readonly bias?: Float32Array<ArrayBuffer>;
  /** Applied last. Default `linear`. */
  readonly activation?: ActivationKind;
  /** Of leaky ReLU below zero. Default 0.2. */
  readonly slope?: number;
}

/**
 * act(op(a)·op(b) + bias): [m, k] and [k, n] → [m, n], in float32.
 * @throws UserError on shapes that do not fit, values that are not finite, or a product too large for the device.
 */
export async function matmul(
  device: Device,
  a: FloatMatrix,
  b: FloatMatrix,
  settings: MatmulSettings = {},
): Promise<FloatMatrix> {
  const { transposeA = false, transposeB = false, bias, activation = 'linear', slope = 0.2 } = settings;
  const [aRows, aColumns] = checkMatrix('matmul', 'a', a);
  const [bRows, bColumns] = checkMatrix('matmul', 'b', b);
  const [m, k] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [kOfB, n] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (k !== kOfB) {
    const shape = (rows: number, columns: number, transposed: boolean): string =>
      `[${rows}, ${columns}]${transposed ? ' transposed' : ''}`;
    throw new UserError(
      `matmul: inner sizes differ: a is ${shape(aRows, aColumns, transposeA)}, b is ${shape(bRows, bColumns, transposeB)}; b must have ${k} ${transposeB ? 'columns' : 'rows'}`,
    );
  }
  if (bias) checkVector('matmul', 'bias', bias, n, 'one for each column of the product');
  if (!ACTIVATIONS.includes(activation))
    throw new UserError(
      `matmul: unknown activation ${JSON.stringify(activation)}; use one of ${ACTIVATIONS.join(', ')}`,
    );
  if (!Number.isFinite(slope)) throw new UserError(`matmul: slope is ${slope}; must be a finite number`);
  const most = device.gpu.limits.maxStorageBufferBindingSize / 4;
  for (const [name, rows, columns] of [
    ['a', aRows, aColumns],
    ['b', bRows, bColumns],
    ['the product', m, n],
  ] as const)
    if (rows * columns > most)
      throw new UserError(
        `matmul: ${name} is [${rows}, ${columns}], ${rows * columns} values; the device takes at most ${most} in one piece; multiply fewer rows at a time`,
      );
  const inputs: Record<string, HostTensor> = { a, b };
  if (bias) inputs['bias'] = { data: bias, shape: [n] };
  const { out } = await evaluate(device, inputs, (graph, tensors) => {
    const options = { transposeA, transposeB, activation, slope };
    const product = emitMatmul(graph, tensors['a'] as Tensor, tensors['b'] as Tensor, {
      ...options,
      ...(tensors['bias'] ? { bias: tensors['bias'] } : {}),
    });
    return { out: product };
  });
  return { data: out, shape: [m, n] };
}
