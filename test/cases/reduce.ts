/** Cases of the reductions: lengths around the 64 of a row's workgroup and the 16 columns of a column's, or fewer, both ways, and gradients. */
import { backward } from '../../src/graph/backward.ts';
import { add } from '../../src/ops/add.ts';
import { REDUCTIONS, type Reduction, reduceColumns, reduceRows } from '../../src/ops/reduce.ts';
import * as twin from '../reference/reduce.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

const ops = { rows: reduceRows, columns: reduceColumns };
const twins = { rows: twin.reduceRows, columns: twin.reduceColumns };

interface Shape {
  readonly rows: number;
  readonly columns: number;
  readonly kind: Reduction;
  readonly of: 'rows' | 'columns';
  /** Large values of both signs, whose sums cancel, or the lowest numbers there are. */
  readonly adversarial?: 'cancel' | 'lowest';
}

/** rows, columns. */
const sizes: readonly (readonly [number, number])[] = [
  [1, 1],
  [3, 15],
  [4, 16],
  [5, 17],
  [63, 63],
  [64, 64],
  [65, 65],
  [1, 1000],
  [1000, 1],
  [257, 130],
  [4100, 9],
  [512, 784],
];

const shapes: readonly Shape[] = [
  ...sizes.flatMap(([rows, columns]) =>
    (['rows', 'columns'] as const).flatMap((of) => REDUCTIONS.map((kind) => ({ rows, columns, kind, of }))),
  ),
  ...(['rows', 'columns'] as const).flatMap((of): Shape[] => [
    { rows: 70, columns: 70, kind: 'sum', of, adversarial: 'cancel' },
    { rows: 70, columns: 70, kind: 'max', of, adversarial: 'lowest' },
  ]),
  { rows: 1000, columns: 3, kind: 'sum', of: 'columns' },
];

function caseOf({ rows, columns, kind, of, adversarial }: Shape, seed: number): KernelCase {
  const { normal } = randomOf(seed);
  const value = {
    none: normal,
    cancel: (i: number) => (i % 2 === 0 ? 1e6 : -1e6) * (1 + (i % 7)) + normal(),
    lowest: () => -3.4e38,
  }[adversarial ?? 'none'];
  const x = filled(rows * columns, value);
  return {
    name: `${kind}-of-${of}-${rows}x${columns}${adversarial ? `-${adversarial}` : ''}`,
    inputs: { x: { data: x, shape: [rows, columns] } },
    build: (graph, tensors) => ({ out: ops[of](graph, tensors['x']!, kind) }),
    reference: (round) => ({ out: twins[of]({ rows, columns, x }, kind, round) }),
    // Terms of both signs cancel: sums are held against those of their absolute values.
    termsOf: () => ({ out: Math.max(...twins[of]({ rows, columns, x: x.map(Math.abs) }, kind, (y) => y)) }),
    ...(adversarial ? { bench: false } : {}),
  };
}

/** dx of Σ g ⊙ (reduced x), and, differentiated again, the gradient of Σ h ⊙ dx with respect to g. */
function gradientCase(of: 'rows' | 'columns', kind: 'sum' | 'mean', seed: number): KernelCase {
  const [rows, columns] = [33, 70];
  const { normal } = randomOf(seed);
  const g = filled(of === 'rows' ? rows : columns, normal);
  const inputs = {
    x: { data: filled(rows * columns, normal), shape: [rows, columns] },
    g: { data: g, shape: [g.length] },
    h: { data: filled(rows * columns, normal), shape: [rows, columns] },
  };
  return {
    name: `gradients-${kind}-of-${of}`,
    inputs,
    build: (graph, tensors) => {
      const { x, g: upstream, h } = tensors as Record<keyof typeof inputs, (typeof tensors)[string]>;
      const [dx] = backward(graph, [[ops[of](graph, x, kind), upstream]], [x], add);
      const [again] = backward(graph, [[dx!, h]], [upstream], add);
      return { dx: dx!, again: again! };
    },
    reference: (round) => ({
      dx: twin.spread({ rows, columns }, g, of, kind, round),
      again: twins[of]({ rows, columns, x: inputs.h.data }, kind, round),
    }),
    bench: false,
  };
}

export const cases: readonly KernelCase[] = [
  ...shapes.map((shape, i) => caseOf(shape, 700 + i)),
  ...(['rows', 'columns'] as const).flatMap((of) =>
    (['sum', 'mean'] as const).map((kind, i) => gradientCase(of, kind, 800 + i)),
  ),
];
