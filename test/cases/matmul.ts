/**
 * Cases of the matrix product: shapes around the tiles of every variant (8 × 8, 16 × 32, 4 of k; 64 × 64 and 128 × 128, 8 of k,
 * parts of k), all transposes, bias and activations; and backward passes, whose products carry gates, column sums and
 * accumulation in their epilogues.
 */
import { backward } from '../../src/graph/backward.ts';
import type { HostTensor } from '../../src/graph/evaluate.ts';
import type { Graph, Tensor } from '../../src/graph/graph.ts';
import { ACTIVATIONS, type ActivationKind } from '../../src/ops/activation-kinds.ts';
import { add } from '../../src/ops/add.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { addGradients } from '../../src/ops/product.ts';
import * as twin from '../reference/matmul.ts';
import type { KernelCase, Round } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly bias?: boolean;
  readonly activation?: ActivationKind;
  readonly bench?: boolean;
  readonly hardwareOnly?: boolean;
}

const TRANSPOSES = [
  { transposeA: false, transposeB: false },
  { transposeA: true, transposeB: false },
  { transposeA: false, transposeB: true },
  { transposeA: true, transposeB: true },
] as const;

/** m, k, n. */
const sizes: readonly (readonly [number, number, number])[] = [
  [1, 1, 1],
  [1, 100, 70],
  [64, 100, 1],
  [7, 3, 7],
  [8, 4, 8],
  [9, 5, 9],
  [15, 7, 31],
  [16, 8, 32],
  [17, 9, 33],
  [33, 257, 65],
  [63, 7, 66],
  [64, 8, 64],
  [65, 17, 66],
  [5, 128, 9],
  [66, 131, 65],
];

const shapes: readonly Shape[] = [
  ...sizes.flatMap(([m, k, n]) => TRANSPOSES.map((transposes) => ({ m, k, n, ...transposes }))),
  ...ACTIVATIONS.map((activation) => ({ m: 19, k: 21, n: 35, bias: true, activation })),
  ...ACTIVATIONS.map((activation) => ({ m: 67, k: 10, n: 65, bias: true, activation })),
  ...ACTIVATIONS.map((activation) => ({ m: 3, k: 129, n: 67, bias: true, activation })),
  { m: 65, k: 9, n: 32650, bench: false },
  { m: 32650, k: 9, n: 67, transposeA: true, transposeB: true, bench: false },
  { m: 64, k: 64, n: 256, bias: true, activation: 'relu' },
  { m: 64, k: 256, n: 784, bias: true, activation: 'sigmoid' },
  { m: 256, k: 784, n: 256, bias: true, activation: 'leaky-relu' },
  { m: 784, k: 256, n: 256, transposeA: true },
  { m: 256, k: 256, n: 784, transposeB: true },
  { m: 1024, k: 784, n: 1024, hardwareOnly: true },
];

const nameOf = ({ m, k, n, transposeA, transposeB, bias, activation }: Shape): string =>
  `${m}x${k}x${n}${transposeA ? '-ta' : ''}${transposeB ? '-tb' : ''}${bias ? '-bias' : ''}${activation ? `-${activation}` : ''}`;

function inputsOf(shape: Shape, seed: number): Record<string, HostTensor> & { a: HostTensor; b: HostTensor } {
  const { m, k, n, transposeA, transposeB, bias } = shape;
  const { normal } = randomOf(seed);
  return {
    a: { data: filled(m * k, normal), shape: transposeA ? [k, m] : [m, k] },
    b: { data: filled(k * n, normal), shape: transposeB ? [n, k] : [k, n] },
    ...(bias ? { bias: { data: filled(n, normal), shape: [n] } } : {}),
  };
}

/** The product in the graph, of tensors named as in `inputsOf`. */
function emit(graph: Graph, shape: Shape, tensors: Readonly<Record<string, Tensor>>): Tensor {
  const { transposeA = false, transposeB = false, activation = 'linear' } = shape;
  const { a, b, bias } = tensors;
  return matmul(graph, a!, b!, { transposeA, transposeB, activation, ...(bias ? { bias } : {}) });
}

/** The same for the twin. */
function productOf(shape: Shape, inputs: Readonly<Record<string, HostTensor>>): twin.Product {
  const { hardwareOnly: _, bench: __, bias: ___, ...rest } = shape;
  return {
    ...rest,
    a: inputs['a']!.data,
    b: inputs['b']!.data,
    ...(inputs['bias'] ? { bias: inputs['bias'].data } : {}),
  };
}

function forwardCase(shape: Shape, seed: number): KernelCase {
  const inputs = inputsOf(shape, seed);
  return {
    name: nameOf(shape),
    inputs,
    build: (graph, tensors) => ({ out: emit(graph, shape, tensors) }),
    reference: (round) => ({ out: twin.matmul(productOf(shape, inputs), round) }),
    ...(shape.hardwareOnly ? { hardwareOnly: true } : {}),
    ...(shape.bench === false ? { bench: false } : {}),
  };
}

/** A product too large for the twin: the rows of a and the columns of b repeat, so that there are few for it to work out. */
function repeatingCase(size: number, seed: number): KernelCase {
  const period = 61; // not of a tile
  const shape = { m: period, k: size, n: period };
  const few = inputsOf(shape, seed);
  let inputs: KernelCase['inputs'] | undefined;
  const repeat = (): KernelCase['inputs'] => {
    const [a, b] = [new Float32Array(size * size), new Float32Array(size * size)];
    for (let i = 0; i < size; i++) {
      a.set(few.a.data.subarray((i % period) * size, ((i % period) + 1) * size), i * size);
      for (let j = 0; j < size; j++) b[i * size + j] = few.b.data[i * period + (j % period)]!;
    }
    return { a: { data: a, shape: [size, size] }, b: { data: b, shape: [size, size] } };
  };
  return {
    name: nameOf({ m: size, k: size, n: size }),
    get inputs() {
      return (inputs ??= repeat());
    },
    build: (graph, tensors) => ({ out: emit(graph, shape, tensors) }),
    reference: (round) => {
      const product = twin.matmul(productOf(shape, few), round);
      const out = new Float64Array(size * size);
      for (let i = 0; i < out.length; i++)
        out[i] = product[(Math.floor(i / size) % period) * period + ((i % size) % period)]!;
      return { out };
    },
    hardwareOnly: true,
  };
}

/** Gradients of Σ upstream ⊙ out. */
function gradientCase(shape: Shape, seed: number): KernelCase {
  const { m, n } = shape;
  const inputs = {
    ...inputsOf(shape, seed),
    upstream: { data: filled(m * n, randomOf(seed + 1).normal), shape: [m, n] },
  };
  return {
    name: `gradients-${nameOf(shape)}`,
    inputs,
    build: (graph, tensors) => {
      const out = emit(graph, shape, tensors);
      const wanted = ['a', 'b', ...(shape.bias ? ['bias'] : [])];
      const gradients = backward(
        graph,
        [[out, tensors['upstream']!]],
        wanted.map((name) => tensors[name]!),
        addGradients,
      );
      return Object.fromEntries(wanted.map((name, i) => [name, gradients[i]!]));
    },
    reference: (round) => {
      const product = productOf(shape, inputs);
      const { a, b, bias } = twin.matmulGradients(
        product,
        twin.matmul(product, round),
        inputs.upstream.data,
        round,
      );
      return { a, b, ...(shape.bias ? { bias } : {}) };
    },
  };
}

/** [batch, features, hidden, outputs] of the networks of two layers below. */
type Widths = readonly [number, number, number, number];
const NARROW: Widths = [18, 11, 37, 5];
/** On GPUs the first gates in one dispatch and has gradients of weights in parts of k, the second the other way round. */
const MANY_ROWS: Widths = [131, 19, 40, 5];
const MANY_OUTPUTS: Widths = [70, 65, 66, 129];

/** Two layers, applied to two batches with shared weights: gates, column sums, and gradients accumulated in place. */
function sharedLayersCase(first: ActivationKind, second: ActivationKind, widths: Widths): KernelCase {
  const [batch, features, hidden, outputs] = widths;
  const { normal } = randomOf(901);
  const of = (rows: number, columns: number): HostTensor => ({
    data: filled(rows * columns, normal),
    shape: [rows, columns],
  });
  const inputs = {
    x0: of(batch, features),
    x1: of(batch, features),
    w0: of(features, hidden),
    b0: { ...of(1, hidden), shape: [hidden] },
    w1: of(hidden, outputs),
    b1: { ...of(1, outputs), shape: [outputs] },
    upstream0: of(batch, outputs),
    upstream1: of(batch, outputs),
  };
  const layers = (x: ArrayLike<number>): [twin.Product, (h: ArrayLike<number>) => twin.Product] => [
    { m: batch, k: features, n: hidden, a: x, b: inputs.w0.data, bias: inputs.b0.data, activation: first },
    (h) => ({
      m: batch,
      k: hidden,
      n: outputs,
      a: h,
      b: inputs.w1.data,
      bias: inputs.b1.data,
      activation: second,
    }),
  ];
  const passes = (x: HostTensor, upstream: HostTensor, round: Round) => {
    const [p0, p1Of] = layers(x.data);
    const h = twin.matmul(p0, round);
    const p1 = p1Of(h);
    const g1 = twin.matmulGradients(p1, twin.matmul(p1, round), upstream.data, round);
    return { g0: twin.matmulGradients(p0, h, g1.a, round), g1 };
  };
  const sum = (a: Float64Array, b: Float64Array, round: Round): Float64Array =>
    a.map((x, i) => round(x + b[i]!));
  return {
    name: `shared-layers-${first}-${second}-${widths.join('x')}`,
    inputs,
    build: (graph, tensors) => {
      const { x0, x1, w0, b0, w1, b1, upstream0, upstream1 } = tensors as Record<keyof typeof inputs, Tensor>;
      const apply = (x: Tensor): Tensor =>
        matmul(graph, matmul(graph, x, w0, { bias: b0, activation: first }), w1, {
          bias: b1,
          activation: second,
        });
      const gradients = backward(
        graph,
        [
          [apply(x0), upstream0],
          [apply(x1), upstream1],
        ],
        [x0, x1, w0, b0, w1, b1],
        addGradients,
      );
      return Object.fromEntries(['x0', 'x1', 'w0', 'b0', 'w1', 'b1'].map((name, i) => [name, gradients[i]!]));
    },
    reference: (round) => {
      const zero = passes(inputs.x0, inputs.upstream0, round);
      const one = passes(inputs.x1, inputs.upstream1, round);
      return {
        x0: zero.g0.a,
        x1: one.g0.a,
        w0: sum(zero.g0.b, one.g0.b, round),
        b0: sum(zero.g0.bias, one.g0.bias, round),
        w1: sum(zero.g1.b, one.g1.b, round),
        b1: sum(zero.g1.bias, one.g1.bias, round),
      };
    },
  };
}

/**
 * Branches that meet in a sum: one gradient reaches both, so that neither may gate it, or add to it, in place. The hidden
 * gradient of the first branch is wanted as well.
 */
const branches: KernelCase = (() => {
  const [batch, features, hidden, outputs] = NARROW;
  const { normal } = randomOf(902);
  const of = (rows: number, columns: number): HostTensor => ({
    data: filled(rows * columns, normal),
    shape: [rows, columns],
  });
  const inputs = {
    x: of(batch, features),
    w: of(features, hidden),
    v: of(features, hidden),
    u: of(hidden, outputs),
    upstream: of(batch, outputs),
  };
  const data = { x: inputs.x.data, w: inputs.w.data, v: inputs.v.data, u: inputs.u.data };
  return {
    name: 'branches',
    inputs,
    build: (graph, tensors) => {
      const { x, w, v, u, upstream } = tensors as Record<keyof typeof inputs, Tensor>;
      const left = matmul(graph, x, w, { activation: 'tanh' });
      const right = matmul(graph, x, v, { activation: 'sigmoid' });
      const out = matmul(graph, add(graph, left, right), u);
      const wanted = { x, w, v, u, left };
      const gradients = backward(graph, [[out, upstream]], Object.values(wanted), addGradients);
      return Object.fromEntries(Object.keys(wanted).map((name, i) => [name, gradients[i]!]));
    },
    reference: (round) => {
      const shape = { m: batch, k: features, n: hidden };
      const leftOf: twin.Product = { ...shape, a: data.x, b: data.w, activation: 'tanh' };
      const rightOf: twin.Product = { ...shape, a: data.x, b: data.v, activation: 'sigmoid' };
      const left = twin.matmul(leftOf, round);
      const right = twin.matmul(rightOf, round);
      const both = left.map((value, i) => round(value + right[i]!));
      const outOf: twin.Product = { m: batch, k: hidden, n: outputs, a: both, b: data.u };
      const top = twin.matmulGradients(outOf, twin.matmul(outOf, round), inputs.upstream.data, round);
      const gLeft = twin.matmulGradients(leftOf, left, top.a, round);
      const gRight = twin.matmulGradients(rightOf, right, top.a, round);
      return {
        x: gLeft.a.map((value, i) => round(value + gRight.a[i]!)),
        w: gLeft.b,
        v: gRight.b,
        u: top.b,
        left: top.a,
      };
    },
    bench: false,
  };
})();

export const cases: readonly KernelCase[] = [
  ...shapes.map((shape, i) => forwardCase(shape, 100 + i)),
  repeatingCase(4096, 200),
  ...TRANSPOSES.map((transposes, i) =>
    gradientCase({ m: 17, k: 23, n: 9, bias: true, activation: 'tanh', ...transposes }, 300 + i),
  ),
  ...ACTIVATIONS.map((activation, i) =>
    gradientCase({ m: 21, k: 13, n: 34, bias: true, activation }, 400 + i),
  ),
  sharedLayersCase('relu', 'linear', NARROW),
  sharedLayersCase('leaky-relu', 'sigmoid', NARROW),
  sharedLayersCase('tanh', 'leaky-relu', MANY_ROWS),
  sharedLayersCase('softplus', 'linear', MANY_OUTPUTS),
  branches,
];
