/** Matrices that callers hand in: their type, and the check at the boundary. */
import { UserError } from '../gpu/errors.ts';

/** Float32 values, row-major, of shape [rows, columns]. */
export interface FloatMatrix {
  readonly data: Float32Array<ArrayBuffer>;
  readonly shape: readonly number[];
}

/** Rows and columns of a sound matrix. @throws UserError naming the caller, the argument, its values and the fix. */
export function checkMatrix(caller: string, name: string, { data, shape }: FloatMatrix): [number, number] {
  const [rows, columns] = shape as readonly [number, number];
  if (shape.length !== 2 || !shape.every((size) => Number.isInteger(size) && size >= 1))
    throw new UserError(
      `${caller}: ${name} has the shape [${shape.join(', ')}]; must be [rows, columns], both at least 1`,
    );
  if (data.length !== rows * columns)
    throw new UserError(
      `${caller}: ${name} has ${data.length} values; its shape [${rows}, ${columns}] needs ${rows * columns}`,
    );
  checkFinite(caller, name, data);
  return [rows, columns];
}

/** @throws UserError where a vector is not of that length, or not finite. */
export function checkVector(
  caller: string,
  name: string,
  data: Float32Array<ArrayBuffer>,
  length: number,
  reason: string,
): void {
  if (data.length !== length)
    throw new UserError(`${caller}: ${name} has ${data.length} values; must have ${length}, ${reason}`);
  checkFinite(caller, name, data);
}

function checkFinite(caller: string, name: string, data: Float32Array): void {
  const bad = data.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0)
    throw new UserError(`${caller}: ${name} holds ${data[bad]} at index ${bad}; all values must be finite`);
}
