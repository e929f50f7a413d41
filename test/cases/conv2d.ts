/**
 * Cases of the convolutions: geometries around the tiles of every variant (32 windows × 4, 16 or 32 outputs; 64 × 64; 64 × 128),
 * sums in parts, with channels in whole steps of eight and not, narrow outputs, odd sides, strides and channel counts, the layers
 * of the paper's networks, and backward passes that gate and accumulate.
 */
import { backward } from '../../src/graph/backward.ts';
import type { HostTensor } from '../../src/graph/evaluate.ts';
import type { Graph, Tensor } from '../../src/graph/graph.ts';
import type { ActivationKind } from '../../src/ops/activation-kinds.ts';
import { type ConvGeometry, sameGeometry } from '../../src/ops/conv-geometry.ts';
import { conv2d, conv2dTranspose } from '../../src/ops/conv2d.ts';
import { addGradients } from '../../src/ops/product.ts';
import * as twin from '../reference/conv2d.ts';
import type { KernelCase, Round } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

type Kind = 'conv2d' | 'conv2d-transpose';

interface Shape {
  readonly kind: Kind;
  readonly batch: number;
  readonly geometry: ConvGeometry;
  readonly bias?: boolean;
  readonly activation?: ActivationKind;
  readonly hardwareOnly?: boolean;
}

const EMIT = { conv2d, 'conv2d-transpose': conv2dTranspose };
const TWIN = { conv2d: twin.conv2d, 'conv2d-transpose': twin.conv2dTranspose };
const KINDS = ['conv2d', 'conv2d-transpose'] as const;

/** height, width, channels, filters, kernel, stride. */
function geometry(...[height, width, channels, filters, kernel, stride]: number[]): ConvGeometry {
  return sameGeometry(
    { height: height!, width: width!, channels: channels! },
    { filters: filters!, kernel: kernel!, stride: stride! },
  );
}

/** batch, then a geometry. */
const sizes: readonly (readonly [number, ...number[]])[] = [
  [1, 1, 1, 1, 1, 1, 1],
  [2, 3, 5, 2, 3, 5, 2],
  [3, 7, 7, 1, 4, 5, 2],
  [1, 9, 6, 5, 7, 3, 1],
  [2, 8, 8, 3, 16, 5, 2],
  [2, 6, 7, 4, 17, 5, 2],
  [1, 8, 8, 8, 33, 3, 2],
  [2, 10, 9, 2, 5, 4, 3],
  [1, 5, 4, 3, 6, 2, 2],
  [5, 4, 4, 17, 9, 5, 2],
  [2, 2, 3, 2, 3, 5, 1],
  [1, 2, 2, 16, 17, 5, 1],
  [2, 8, 7, 16, 66, 5, 2],
  [3, 9, 9, 8, 65, 3, 1],
  [3, 9, 7, 3, 33, 3, 2],
  [2, 6, 5, 20, 1, 3, 1],
];

const shapes: readonly Shape[] = [
  ...sizes.flatMap(([batch, ...rest]) => KINDS.map((kind) => ({ kind, batch, geometry: geometry(...rest) }))),
  { kind: 'conv2d', batch: 8, geometry: geometry(28, 28, 1, 16, 5, 2), bias: true, activation: 'leaky-relu' },
  {
    kind: 'conv2d',
    batch: 8,
    geometry: geometry(14, 14, 16, 32, 5, 2),
    bias: true,
    activation: 'leaky-relu',
  },
  { kind: 'conv2d-transpose', batch: 8, geometry: geometry(14, 14, 16, 32, 5, 2) },
  {
    kind: 'conv2d-transpose',
    batch: 8,
    geometry: geometry(28, 28, 1, 16, 5, 2),
    bias: true,
    activation: 'sigmoid',
  },
  { kind: 'conv2d', batch: 128, geometry: geometry(14, 14, 64, 128, 5, 2), hardwareOnly: true },
  { kind: 'conv2d-transpose', batch: 128, geometry: geometry(14, 14, 64, 128, 5, 2), hardwareOnly: true },
];

const gradientShapes: readonly Shape[] = [
  ...sizes.flatMap(([batch, ...rest]) =>
    KINDS.map((kind) => ({
      kind,
      batch,
      geometry: geometry(...rest),
      bias: true,
      activation: 'tanh' as const,
    })),
  ),
  { kind: 'conv2d', batch: 9, geometry: geometry(14, 14, 8, 20, 5, 2), bias: true, activation: 'leaky-relu' },
  { kind: 'conv2d', batch: 6, geometry: geometry(28, 28, 1, 16, 5, 2), bias: true, activation: 'leaky-relu' },
  { kind: 'conv2d', batch: 8, geometry: geometry(16, 17, 1, 3, 3, 1), bias: true },
  { kind: 'conv2d', batch: 5, geometry: geometry(5, 3, 64, 66, 3, 1), bias: true },
];

function sidesOf({ kind, batch, geometry: g }: Shape) {
  const image = { size: g.height * g.width * g.channels, channels: g.channels };
  const windows = { size: g.rows * g.columns * g.filters, channels: g.filters };
  const [from, to] = kind === 'conv2d' ? [image, windows] : [windows, image];
  return { batch, from, to, weight: [g.kernel, g.kernel, g.channels, g.filters] };
}

const nameOf = ({ kind, batch, geometry: g, bias, activation }: Shape): string =>
  `${kind}-${batch}x${g.height}x${g.width}x${g.channels}-${g.filters}-k${g.kernel}s${g.stride}${bias ? '-bias' : ''}${activation ? `-${activation}` : ''}`;

function inputsOf(shape: Shape, seed: number): Record<string, HostTensor> {
  const { batch, from, to, weight } = sidesOf(shape);
  const { normal } = randomOf(seed);
  const of = (dims: number[]): HostTensor => ({
    data: filled(
      dims.reduce((a, b) => a * b, 1),
      normal,
    ),
    shape: dims,
  });
  return {
    x: of([batch, from.size]),
    weight: of(weight),
    ...(shape.bias ? { bias: of([to.channels]) } : {}),
  };
}

function emit(graph: Graph, shape: Shape, { x, weight, bias }: Readonly<Record<string, Tensor>>): Tensor {
  const { kind, geometry: g, activation = 'linear' } = shape;
  return EMIT[kind](graph, x!, weight!, g, { activation, ...(bias ? { bias } : {}) });
}

function convolutionOf(shape: Shape, inputs: Readonly<Record<string, HostTensor>>): twin.Convolution {
  return {
    geometry: shape.geometry,
    batch: shape.batch,
    x: inputs['x']!.data,
    weight: inputs['weight']!.data,
    ...(inputs['bias'] ? { bias: inputs['bias'].data } : {}),
    ...(shape.activation ? { activation: shape.activation } : {}),
  };
}

function forwardCase(shape: Shape, seed: number): KernelCase {
  const inputs = inputsOf(shape, seed);
  return {
    name: nameOf(shape),
    inputs,
    build: (graph, tensors) => ({ out: emit(graph, shape, tensors) }),
    reference: (round) => ({ out: TWIN[shape.kind](convolutionOf(shape, inputs), round) }),
    ...(shape.hardwareOnly ? { hardwareOnly: true } : {}),
  };
}

/** Gradients of Σ upstream ⊙ out. */
function gradientCase(shape: Shape, seed: number): KernelCase {
  const { batch, to } = sidesOf(shape);
  const upstream = {
    data: filled(batch * to.size, randomOf(seed + 1).normal),
    shape: [batch, to.size],
  };
  const inputs = { ...inputsOf(shape, seed), upstream };
  const wanted = ['x', 'weight', ...(shape.bias ? ['bias'] : [])];
  return {
    name: `gradients-${nameOf(shape)}`,
    inputs,
    build: (graph, tensors) => {
      const out = emit(graph, shape, tensors);
      const gradients = backward(
        graph,
        [[out, tensors['upstream']!]],
        wanted.map((name) => tensors[name]!),
        addGradients,
      );
      return Object.fromEntries(wanted.map((name, i) => [name, gradients[i]!]));
    },
    reference: (round) => {
      const convolution = convolutionOf(shape, inputs);
      const out = TWIN[shape.kind](convolution, round);
      const { x, weight, bias } = twin.convGradients(shape.kind, convolution, out, upstream.data, round);
      return { x, weight, ...(shape.bias ? { bias } : {}) };
    },
  };
}

/** Two layers under two batches with shared weights: gates in the epilogues, and gradients accumulated in place. */
function sharedLayersCase(filters: number): KernelCase {
  const batch = 3;
  const first = geometry(9, 9, 2, 6, 5, 2);
  const second = geometry(5, 5, 6, filters, 3, 2);
  const { normal } = randomOf(911);
  const of = (...shape: number[]): HostTensor => ({
    data: filled(
      shape.reduce((a, b) => a * b, 1),
      normal,
    ),
    shape,
  });
  const inputs = {
    x0: of(batch, 9 * 9 * 2),
    x1: of(batch, 9 * 9 * 2),
    w0: of(5, 5, 2, 6),
    b0: of(6),
    w1: of(3, 3, 6, filters),
    b1: of(filters),
    upstream0: of(batch, 3 * 3 * filters),
    upstream1: of(batch, 3 * 3 * filters),
  };
  const activation = 'leaky-relu' as const;
  const pass = (x: HostTensor, upstream: HostTensor, round: Round) => {
    const c0 = {
      geometry: first,
      batch,
      x: x.data,
      weight: inputs.w0.data,
      bias: inputs.b0.data,
      activation,
    };
    const h = twin.conv2d(c0, round);
    const c1 = { geometry: second, batch, x: h, weight: inputs.w1.data, bias: inputs.b1.data };
    const g1 = twin.convGradients('conv2d', c1, twin.conv2d(c1, round), upstream.data, round);
    return { g0: twin.convGradients('conv2d', c0, h, g1.x, round), g1 };
  };
  const sum = (a: Float64Array, b: Float64Array, round: Round): Float64Array =>
    a.map((x, i) => round(x + b[i]!));
  const wanted = ['x0', 'x1', 'w0', 'b0', 'w1', 'b1'] as const;
  return {
    name: `shared-layers-${filters}`,
    inputs,
    build: (graph, tensors) => {
      const t = tensors as Record<keyof typeof inputs, Tensor>;
      const apply = (x: Tensor): Tensor =>
        conv2d(graph, conv2d(graph, x, t.w0, first, { bias: t.b0, activation }), t.w1, second, {
          bias: t.b1,
        });
      const gradients = backward(
        graph,
        [
          [apply(t.x0), t.upstream0],
          [apply(t.x1), t.upstream1],
        ],
        wanted.map((name) => t[name]),
        addGradients,
      );
      return Object.fromEntries(wanted.map((name, i) => [name, gradients[i]!]));
    },
    reference: (round) => {
      const zero = pass(inputs.x0, inputs.upstream0, round);
      const one = pass(inputs.x1, inputs.upstream1, round);
      return {
        x0: zero.g0.x,
        x1: one.g0.x,
        w0: sum(zero.g0.weight, one.g0.weight, round),
        b0: sum(zero.g0.bias, one.g0.bias, round),
        w1: sum(zero.g1.weight, one.g1.weight, round),
        b1: sum(zero.g1.bias, one.g1.bias, round),
      };
    },
  };
}

/** An image under two convolutions, or windows under two transposed ones, whose gradients are added in place. */
function sharedInputCase(kind: Kind, g: ConvGeometry, seed: number): KernelCase {
  const shapeOf = (bias = false): Shape => ({ kind, batch: 2, geometry: g, bias });
  const { batch, to } = sidesOf(shapeOf());
  const { x, weight: weight0 } = inputsOf(shapeOf(), seed) as { x: HostTensor; weight: HostTensor };
  const { weight: weight1 } = inputsOf(shapeOf(), seed + 1) as { weight: HostTensor };
  const upstream = { data: filled(batch * to.size, randomOf(seed + 2).normal), shape: [batch, to.size] };
  return {
    name: `shared-input-${nameOf(shapeOf())}`,
    inputs: { x, weight0, weight1, upstream },
    build: (graph, t) => {
      const outs = [t['weight0'], t['weight1']].map((weight) => EMIT[kind](graph, t['x']!, weight!, g));
      const pairs = outs.map((out): [Tensor, Tensor] => [out, t['upstream']!]);
      return { x: backward(graph, pairs, [t['x']!], addGradients)[0]! };
    },
    reference: (round) => {
      const [zero, one] = [weight0, weight1].map((weight) => {
        const convolution = { geometry: g, batch, x: x.data, weight: weight.data };
        const out = TWIN[kind](convolution, round);
        return twin.convGradients(kind, convolution, out, upstream.data, round).x;
      }) as [Float64Array, Float64Array];
      return { x: zero.map((value, i) => round(value + one[i]!)) };
    },
  };
}

/** More tiles than a row of the grid has, in every variant. */
const wideGrid: KernelCase = {
  ...forwardCase({ kind: 'conv2d', batch: 1, geometry: geometry(260, 256, 1, 1, 1, 1) }, 921),
  bench: false,
};

/** As many results as make the wider tile of GPUs worth it. */
const wideTile: KernelCase = {
  ...forwardCase({ kind: 'conv2d', batch: 1, geometry: geometry(182, 181, 4, 70, 2, 1), bias: true }, 923),
  bench: false,
};

export const cases: readonly KernelCase[] = [
  ...shapes.map((shape, i) => forwardCase(shape, 100 + i)),
  ...gradientShapes.map((shape, i) => gradientCase(shape, 200 + 2 * i)),
  sharedLayersCase(18),
  sharedLayersCase(72),
  sharedInputCase('conv2d', geometry(5, 4, 1, 16, 5, 2), 931),
  sharedInputCase('conv2d', geometry(5, 6, 17, 40, 5, 2), 935),
  sharedInputCase('conv2d-transpose', geometry(6, 5, 16, 24, 5, 2), 939),
  wideGrid,
  wideTile,
];
