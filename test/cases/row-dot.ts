/** Cases of dot products by rows: lengths around a row's 64 invocations, many rows, products that cancel, gradients of gradients. */
import { backward } from '../../src/graph/backward.ts';
import { add } from '../../src/ops/add.ts';
import { rowDot } from '../../src/ops/row-dot.ts';
import * as twin from '../reference/row-dot.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  readonly rows: number;
  readonly columns: number;
  readonly bias?: boolean;
  /** Large products of both signs, and a bias near the negative of their sum. */
  readonly cancel?: boolean;
}

const shapes: readonly Shape[] = [
  { rows: 1, columns: 1 },
  { rows: 3, columns: 5, bias: true },
  { rows: 2, columns: 63 },
  { rows: 3, columns: 64, bias: true },
  { rows: 5, columns: 65 },
  { rows: 4100, columns: 3, bias: true },
  { rows: 512, columns: 64, bias: true },
  { rows: 128, columns: 784 },
  { rows: 9, columns: 130, bias: true, cancel: true },
];

const exactly = (x: number): number => x;

function caseOf({ rows, columns, bias = false, cancel = false }: Shape, seed: number): KernelCase {
  const { normal } = randomOf(seed);
  const value = (i: number): number => (cancel ? (i % 2 === 0 ? 1e3 : -1e3) + normal() : normal());
  const inputs = {
    a: { data: filled(rows * columns, value), shape: [rows, columns] },
    b: { data: filled(rows * columns, () => (cancel ? 1e3 + normal() : normal())), shape: [rows, columns] },
    c: { data: filled(1, normal), shape: [1] },
    g: { data: filled(rows, normal), shape: [rows, 1] },
  };
  const [a, b, c, g] = [inputs.a.data, inputs.b.data, inputs.c.data[0]!, inputs.g.data];
  return {
    name: `${rows}x${columns}${bias ? '-bias' : ''}${cancel ? '-cancel' : ''}`,
    inputs,
    build: (graph, tensors) => {
      const of = { a: tensors['a']!, b: tensors['b']!, c: tensors['c']! };
      const out = rowDot(graph, of.a, of.b, bias ? { bias: of.c } : {});
      const wanted = bias ? [of.a, of.b, of.c] : [of.a, of.b];
      const [da, db, dc] = backward(graph, [[out, tensors['g']!]], wanted, add);
      return { out, da: da!, db: db!, ...(dc ? { dc } : {}) };
    },
    reference: (round) => {
      const gradients = twin.rowDotGradients(g, { a, b }, round);
      return {
        out: twin.rowDot(rows, a, b, bias ? c : 0, round),
        da: gradients.a,
        db: gradients.b,
        ...(bias ? { dc: [gradients.bias] } : {}),
      };
    },
    // Terms of both signs cancel: sums are held against those of their absolute values.
    termsOf: () => ({
      out: Math.max(...twin.rowDot(rows, a.map(Math.abs), b.map(Math.abs), Math.abs(c), exactly)),
      dc: g.reduce((sum, x) => sum + Math.abs(x), 0),
    }),
    bench: !cancel,
  };
}

/** da = g·b, differentiated again: the gradients of Σ h ⊙ da with respect to g and b, and of Σ k ⊙ dg once more. */
function againCase(seed: number): KernelCase {
  const [rows, columns] = [33, 70];
  const { normal } = randomOf(seed);
  const matrix = () => ({ data: filled(rows * columns, normal), shape: [rows, columns] });
  const column = () => ({ data: filled(rows, normal), shape: [rows, 1] });
  const inputs = { a: matrix(), b: matrix(), h: matrix(), g: column(), k: column() };
  const { b, h, g, k } = inputs;
  return {
    name: `gradients-of-gradients-${rows}x${columns}`,
    inputs,
    build: (graph, tensors) => {
      const t = tensors as Record<keyof typeof inputs, (typeof tensors)[string]>;
      const apart = { differentiable: true };
      const [da] = backward(graph, [[rowDot(graph, t.a, t.b), t.g]], [t.a], add, apart);
      const [dg, db] = backward(graph, [[da!, t.h]], [t.g, t.b], add, apart);
      const [dh] = backward(graph, [[dg!, t.k]], [t.h], add, apart);
      return { dg: dg!, db: db!, dh: dh! };
    },
    reference: (round) => ({
      dg: twin.rowDot(rows, h.data, b.data, 0, round),
      db: twin.timesRows(g.data, h.data, round),
      dh: twin.timesRows(k.data, b.data, round),
    }),
    termsOf: () => ({
      dg: Math.max(...twin.rowDot(rows, h.data.map(Math.abs), b.data.map(Math.abs), 0, exactly)),
    }),
    bench: false,
  };
}

export const cases: readonly KernelCase[] = [
  ...shapes.map((shape, i) => caseOf(shape, 2500 + i)),
  againCase(2520),
];
