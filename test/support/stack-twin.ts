/**
 * A stack of layers in float64 and plain loops, forward and backward, of every kind of layer there is; batch norm by the
 * statistics of the batch. The layers' formulas are those of test/reference. Matrices are row-major Float64Arrays.
 */
import { sizeOf } from '../../src/graph/graph.ts';
import { type Layer, type Stack, outputShape } from '../../src/nn/layers.ts';
import { type ConvGeometry, sameGeometry } from '../../src/ops/conv-geometry.ts';
import * as batchNorm from '../reference/batch-norm.ts';
import * as conv from '../reference/conv2d.ts';
import * as crop from '../reference/crop.ts';
import * as matmul from '../reference/matmul.ts';
import * as rowDot from '../reference/row-dot.ts';
import type { Round } from './case.ts';

/** Parameters or gradients by name. */
export type Tensors = ReadonlyMap<string, Float64Array>;

/** The input of every layer, and the output behind the last. */
export interface Passed {
  readonly inputs: readonly Float64Array[];
  readonly output: Float64Array;
}

/** Gradients of a layer's input and of its parameters. */
interface LayerGradients {
  readonly x: Float64Array;
  readonly parameters: Readonly<Record<string, Float64Array>>;
}

/** A layer with its parameters, for one input. */
interface LayerTwin {
  readonly forward: () => Float64Array;
  readonly backward: (output: Float64Array, gradient: Float64Array) => LayerGradients;
}

const exactly: Round = (x) => x;

export function forward(stack: Stack, weights: Tensors, x: Float64Array): Passed {
  const inputs: Float64Array[] = [];
  let value = x;
  stack.layers.forEach((_, l) => {
    inputs.push(value);
    value = twinOf(stack, l, weights, value).forward();
  });
  return { inputs, output: value };
}

/** Adds the gradients of a stack's weights to `into`, and returns that of its input. */
export function backward(
  stack: Stack,
  weights: Tensors,
  { inputs, output }: Passed,
  gradient: Float64Array,
  into: Map<string, Float64Array>,
): Float64Array {
  return stack.layers.reduceRight((upstream, _, l) => {
    const of = twinOf(stack, l, weights, inputs[l]!).backward(inputs[l + 1] ?? output, upstream);
    for (const [part, found] of Object.entries(of.parameters)) {
      const name = `${stack.prefix}.${l}.${part}`;
      if (!weights.has(name)) continue;
      const before = into.get(name);
      into.set(name, before ? before.map((value, i) => value + found[i]!) : found);
    }
    return of.x;
  }, gradient);
}

function twinOf({ prefix, input, layers }: Stack, l: number, weights: Tensors, x: Float64Array): LayerTwin {
  const layer = layers[l]!;
  const shape = outputShape({ prefix, input, layers: layers.slice(0, l) });
  const batch = x.length / sizeOf(shape);
  const parameter = (part: string): Float64Array => weights.get(`${prefix}.${l}.${part}`)!;
  const bias = weights.get(`${prefix}.${l}.bias`);
  const biased = bias ? { bias } : {};
  switch (layer.kind) {
    case 'dense': {
      const { units, activation = 'linear', slope = 0.2 } = layer;
      const sizes = { m: batch, n: units, k: sizeOf(shape) };
      const product = { ...sizes, a: x, b: parameter('weight'), ...biased, activation, slope };
      return {
        forward: () => matmul.matmul(product, exactly),
        backward: (output, gradient) => {
          const { a, b, bias: ofBias } = matmul.matmulGradients(product, output, gradient, exactly);
          return { x: a, parameters: { weight: b, bias: ofBias } };
        },
      };
    }
    case 'conv2d':
    case 'conv2d-transpose': {
      const { activation = 'linear', slope = 0.2, kind } = layer;
      const geometry = geometryOf(shape, layer);
      const convolution = { geometry, batch, x, weight: parameter('weight'), ...biased, activation, slope };
      const apply = kind === 'conv2d' ? conv.conv2d : conv.conv2dTranspose;
      return {
        forward: () => apply(convolution, exactly),
        backward: (output, gradient) => {
          const { x: ofX, ...parameters } = conv.convGradients(kind, convolution, output, gradient, exactly);
          return { x: ofX, parameters };
        },
      };
    }
    case 'batch-norm': {
      const { activation = 'linear', slope = 0.2 } = layer;
      const channels = shape.at(-1)!;
      const rows = x.length / channels;
      const [gamma, beta] = [parameter('gamma'), parameter('beta')];
      const normalised = { rows, channels, x, gamma, beta, activation, slope };
      const statistics = batchNorm.batchStatistics(normalised, exactly);
      return {
        forward: () => batchNorm.batchNorm(normalised, statistics, exactly),
        backward: (output, gradient) => {
          const { x: ofX, ...parameters } = batchNorm.batchNormGradients(
            normalised,
            statistics,
            output,
            gradient,
            false,
            exactly,
          );
          return { x: ofX, parameters };
        },
      };
    }
    case 'quadratic': {
      const d = sizeOf(shape);
      const product = {
        m: batch,
        n: d,
        k: d,
        a: x,
        b: parameter('weight'),
        bias: parameter('linear'),
        ...({ activation: 'linear', slope: 0 } as const),
      };
      const slopes = matmul.matmul(product, exactly);
      return {
        forward: () => rowDot.rowDot(batch, slopes, x, bias?.[0] ?? 0, exactly),
        backward: (_, gradient) => {
          const ofDot = rowDot.rowDotGradients(gradient, { a: slopes, b: x }, exactly);
          const ofProduct = matmul.matmulGradients(product, slopes, ofDot.a, exactly);
          return {
            x: ofDot.b.map((value, i) => value + ofProduct.a[i]!),
            parameters: { weight: ofProduct.b, linear: ofProduct.bias, bias: Float64Array.of(ofDot.bias) },
          };
        },
      };
    }
    case 'crop': {
      const [height, width, channels] = shape as readonly [number, number, number];
      const sides = { height, width, channels, toHeight: layer.height, toWidth: layer.width };
      return {
        forward: () => crop.crop(x, sides),
        backward: (_, gradient) => ({ x: crop.cropGradient(gradient, sides), parameters: {} }),
      };
    }
    case 'reshape':
    case 'flatten':
      return { forward: () => x, backward: (_, gradient) => ({ x: gradient, parameters: {} }) };
  }
}

/** Of a convolution, or of the one that a transposed convolution is the adjoint of. */
function geometryOf(
  shape: readonly number[],
  layer: Extract<Layer, { kind: 'conv2d' | 'conv2d-transpose' }>,
): ConvGeometry {
  const [height, width, channels] = shape as readonly [number, number, number];
  const { kind, filters, kernel, stride = 1 } = layer;
  return kind === 'conv2d'
    ? sameGeometry({ height, width, channels }, { kernel, stride, filters })
    : sameGeometry(
        { height: height * stride, width: width * stride, channels: filters },
        { kernel, stride, filters: channels },
      );
}
