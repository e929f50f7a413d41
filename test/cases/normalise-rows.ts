/** Cases of rows brought to length 1: lengths around a row's 64 invocations, many rows, rows of zeros, tiny and long ones. */
import { backward } from '../../src/graph/backward.ts';
import { add } from '../../src/ops/add.ts';
import { normaliseRows } from '../../src/ops/normalise-rows.ts';
import * as twin from '../reference/normalise-rows.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  readonly rows: number;
  readonly columns: number;
  readonly scale?: number;
  /** Every third row is zero, or shorter than what counts as zero. */
  readonly zeros?: boolean;
  /** The gradient points along the rows, so that little of it is left. */
  readonly along?: boolean;
}

const shapes: readonly Shape[] = [
  { rows: 1, columns: 1 },
  { rows: 2, columns: 63 },
  { rows: 3, columns: 64 },
  { rows: 5, columns: 65 },
  { rows: 4100, columns: 3 },
  { rows: 128, columns: 784 },
  { rows: 9, columns: 70, zeros: true },
  { rows: 9, columns: 70, scale: 1e-9 },
  { rows: 9, columns: 70, scale: 1e9 },
  { rows: 9, columns: 70, along: true },
];

function caseOf({ rows, columns, scale = 1, zeros = false, along = false }: Shape, seed: number): KernelCase {
  const { normal } = randomOf(seed);
  const x = filled(rows * columns, (i) => {
    const row = Math.floor(i / columns);
    return zeros && row % 3 === 0 ? (row === 0 ? 0 : 1e-20) : scale * normal();
  });
  const g = filled(rows * columns, (i) => (along ? x[i]! + 1e-3 * normal() : normal()));
  const inputs = { x: { data: x, shape: [rows, columns] }, g: { data: g, shape: [rows, columns] } };
  return {
    name: `${rows}x${columns}${zeros ? '-zeros' : ''}${scale === 1 ? '' : `-scale-${scale}`}${along ? '-along' : ''}`,
    inputs,
    build: (graph, tensors) => {
      const unit = normaliseRows(graph, tensors['x']!);
      const [dx] = backward(graph, [[unit, tensors['g']!]], [tensors['x']!], add);
      return { unit, dx: dx! };
    },
    reference: (round) => {
      const normalised = twin.normaliseRows(rows, columns, x, round);
      return { unit: normalised.unit, dx: twin.normaliseRowsGradient(g, normalised, round) };
    },
    // What is left of g is the difference of terms as large as g itself.
    termsOf: () => {
      const { norms } = twin.normaliseRows(rows, columns, x, (exact) => exact);
      const size = Array.from(
        g,
        (value, i) => Math.abs(value) / (norms[Math.floor(i / columns)] || Infinity),
      );
      return { dx: size.reduce((most, value) => Math.max(most, value), 0) };
    },
    bench: scale === 1 && !zeros && !along,
  };
}

export const cases: readonly KernelCase[] = shapes.map((shape, i) => caseOf(shape, 2300 + i));
