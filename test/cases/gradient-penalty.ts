/** Cases of the gradient penalty: lengths around a row's 64 invocations, many rows, rows of zeros, norms near 1, tiny and large. */
import { gradientPenalty } from '../../src/ops/gradient-penalty.ts';
import * as twin from '../reference/gradient-penalty.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  readonly rows: number;
  readonly columns: number;
  /** About the norm of each row; its rows of zeros are every third. */
  readonly norm?: number;
  readonly zeros?: boolean;
}

const SCALE = 0.3125;

const shapes: readonly Shape[] = [
  { rows: 1, columns: 1 },
  { rows: 2, columns: 63 },
  { rows: 3, columns: 64 },
  { rows: 5, columns: 65 },
  { rows: 4100, columns: 3 },
  { rows: 128, columns: 784 },
  { rows: 9, columns: 70, zeros: true },
  { rows: 9, columns: 70, norm: 1e-4 },
  { rows: 9, columns: 70, norm: 1e4 },
];

function caseOf({ rows, columns, norm = 1, zeros = false }: Shape, seed: number): KernelCase {
  const { normal } = randomOf(seed);
  const g = filled(rows * columns, (i) =>
    zeros && Math.floor(i / columns) % 3 === 0 ? 0 : (norm * normal()) / Math.sqrt(columns),
  );
  return {
    name: `${rows}x${columns}${zeros ? '-zeros' : ''}${norm === 1 ? '' : `-norm-${norm}`}`,
    inputs: { g: { data: g, shape: [rows, columns] } },
    build: (graph, tensors) => ({ ...gradientPenalty(graph, tensors['g']!, SCALE) }),
    reference: (round) => twin.gradientPenalty(rows, columns, g, SCALE, round),
    // ‖g‖ − 1 cancels near 1.
    termsOf: () => ({ values: 1, gradient: 2 * SCALE * Math.max(1, norm) }),
    bench: norm === 1 && !zeros,
  };
}

export const cases: readonly KernelCase[] = shapes.map((shape, i) => caseOf(shape, 2200 + i));
