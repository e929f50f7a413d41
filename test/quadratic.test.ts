/** The quadratic layer by its closed forms: value, gradient, and the gradient of the gradient, as a gradient penalty takes it. */
import { describe, expect, it } from 'vitest';
import { UserError } from '../src/gpu/errors.ts';
import { backward } from '../src/graph/backward.ts';
import { evaluate } from '../src/graph/evaluate.ts';
import { linear } from '../src/nn/architectures.ts';
import { applyStack, layOutParameters, outputShape } from '../src/nn/layers.ts';
import { initialParameters } from '../src/nn/initialise.ts';
import { add } from '../src/ops/add.ts';
import { describeGpu } from './support/device.ts';
import { relativeError } from './support/oracle.ts';
import { filled, randomOf } from './support/random.ts';

const [ROWS, D] = [7, 5];

describe('the quadratic layer', () => {
  const stack = { prefix: 'real', input: [D, 1], layers: [{ kind: 'quadratic' } as const] };

  it('gives one number, and begins as 0', () => {
    expect(outputShape(stack)).toEqual([1]);
    const layout = layOutParameters([stack]);
    expect(layout.parameters.map(({ name, shape }) => [name, shape])).toEqual([
      ['real.0.weight', [D, D]],
      ['real.0.linear', [D]],
      ['real.0.bias', [1]],
    ]);
    expect(initialParameters(layout, 3, 1).every((value) => value === 0)).toBe(true);
  });

  it('takes nothing but bias', () => {
    const odd = { ...stack, layers: [{ kind: 'quadratic', units: 2 } as unknown as { kind: 'quadratic' }] };
    expect(() => outputShape(odd)).toThrow(
      new UserError('layer real.0: quadratic has no units; it takes kind, bias'),
    );
  });

  it('makes critics of their own for a linear generator', () => {
    const { critic } = linear({ sample: [D], latent: 2, critic: 'quadratic' });
    expect(critic).toEqual({ real: [{ kind: 'quadratic' }], fake: [{ kind: 'quadratic' }] });
    expect(() => linear({ sample: [D], latent: 2, critic: 'quadratic', hidden: [3] })).toThrow(
      "linear: hidden is [3], but quadratic critics have no hidden layers; drop it, or take critic: 'mlp'",
    );
  });
});

describeGpu('the quadratic layer', (device) => {
  const { normal } = randomOf(77);
  const of = (...shape: number[]) => ({
    data: filled(
      shape.reduce((a, b) => a * b),
      normal,
    ),
    shape,
  });
  const inputs = {
    y: of(ROWS, D),
    weight: of(D, D),
    linear: of(D),
    bias: of(1),
    g: of(ROWS, 1),
    h: of(ROWS, D),
  };
  const [y, q, g, h] = [inputs.y.data, inputs.weight.data, inputs.g.data, inputs.h.data];
  const stack = { prefix: 'fake', input: [D], layers: [{ kind: 'quadratic' } as const] };
  const matrix = (rows: number, columns: number, entry: (r: number, c: number) => number): Float64Array =>
    Float64Array.from({ length: rows * columns }, (_, i) => entry(Math.floor(i / columns), i % columns));
  const sum = (count: number, term: (i: number) => number): number => {
    let total = 0;
    for (let i = 0; i < count; i++) total += term(i);
    return total;
  };

  it('is xᵀQx + bᵀx + c, and so are its gradients, twice over', async () => {
    const found = await evaluate(device, inputs, (graph, t) => {
      const parameters = new Map([
        ['fake.0.weight', t.weight],
        ['fake.0.linear', t.linear],
        ['fake.0.bias', t.bias],
      ]);
      const value = applyStack(graph, stack, parameters, t.y);
      const [slope] = backward(graph, [[value, t.g]], [t.y], add, { differentiable: true });
      const [dq, db, dy] = backward(graph, [[slope!, t.h]], [t.weight, t.linear, t.y], add);
      return { value, slope: slope!, dq: dq!, db: db!, dy: dy! };
    });
    const { linear: b, bias: c } = { linear: inputs.linear.data, bias: inputs.bias.data[0]! };
    const form = (r: number): number =>
      sum(D, (i) => y[r * D + i]! * (b[i]! + sum(D, (j) => q[i * D + j]! * y[r * D + j]!)));
    const both = (v: Float32Array, r: number, i: number): number =>
      sum(D, (j) => (q[i * D + j]! + q[j * D + i]!) * v[r * D + j]!);
    const expected = {
      value: matrix(ROWS, 1, (r) => form(r) + c),
      slope: matrix(ROWS, D, (r, i) => g[r]! * (both(y, r, i) + b[i]!)),
      // of Σ h ⊙ slope
      dq: matrix(D, D, (i, j) =>
        sum(ROWS, (r) => g[r]! * (h[r * D + i]! * y[r * D + j]! + y[r * D + i]! * h[r * D + j]!)),
      ),
      db: matrix(D, 1, (i) => sum(ROWS, (r) => g[r]! * h[r * D + i]!)),
      dy: matrix(ROWS, D, (r, i) => g[r]! * both(h, r, i)),
    };
    for (const [name, exact] of Object.entries(expected))
      expect(relativeError(found[name as keyof typeof found], exact), name).toBeLessThan(1e-5);
  });
});
