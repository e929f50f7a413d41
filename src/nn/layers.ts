/**
 * Networks as lists of layers, in plain data: what users write, what a model file holds, and what is applied to tensors.
 * A value between layers is a matrix [batch, size]; its shape, e.g. [28, 28, 1] for an image (NHWC without N), is known to
 * the layers. Parameters of one network lie in one flat buffer, each tensor on a 256-byte boundary.
 */
import { UserError } from '../gpu/errors.ts';
import { type Graph, type Tensor, sizeOf } from '../graph/graph.ts';
import { ACTIVATIONS, type ActivationKind } from '../ops/activation-kinds.ts';
import { batchNorm, batchNormFrozen } from '../ops/batch-norm.ts';
import { type ConvGeometry, sameGeometry } from '../ops/conv-geometry.ts';
import { conv2d, conv2dTranspose } from '../ops/conv2d.ts';
import { crop } from '../ops/crop.ts';
import { matmul } from '../ops/matmul.ts';
import { rowDot } from '../ops/row-dot.ts';

/** What follows the sums of a layer. */
interface Activated {
  /** Default `linear`. */
  readonly activation?: ActivationKind;
  /** Of leaky ReLU below zero. Default 0.2. */
  readonly slope?: number;
}

/** x·W + b, then an activation: any shape → [units]. */
export interface DenseLayer extends Activated {
  readonly kind: 'dense';
  readonly units: number;
  /** Default true. */
  readonly bias?: boolean;
}

/** Windows of kernel × kernel pixels, TensorFlow's `SAME` padding: [h, w, c] → [⌈h/stride⌉, ⌈w/stride⌉, filters]. */
export interface Conv2dLayer extends Activated {
  readonly kind: 'conv2d';
  readonly filters: number;
  readonly kernel: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default true. */
  readonly bias?: boolean;
}

/** The adjoint of such a convolution: [h, w, c] → [h·stride, w·stride, filters]. */
export interface Conv2dTransposeLayer extends Activated {
  readonly kind: 'conv2d-transpose';
  readonly filters: number;
  readonly kernel: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default true. */
  readonly bias?: boolean;
}

/**
 * γ (x − mean)/√(variance + 1e-5) + β for each value of the last axis, then an activation (Ioffe & Szegedy 2015). In
 * training the statistics are the batch's; a model has them frozen. For generators only: a critic's value of a sample must
 * not depend on the other samples.
 */
export interface BatchNormLayer extends Activated {
  readonly kind: 'batch-norm';
}

/**
 * xᵀQx + bᵀx + c: any shape → [1]. What the best critics are where data and generator are Gaussian. All of it begins at 0,
 * whatever the scale of the data: the value is linear in Q, b and c, so there is no symmetry for random weights to break, and
 * Q stays symmetric.
 */
export interface QuadraticLayer {
  readonly kind: 'quadratic';
  /** Whether there is a c. Default true. */
  readonly bias?: boolean;
}

/** The top left of an image: [h, w, c] → [height, width, c]. */
export interface CropLayer {
  readonly kind: 'crop';
  readonly height: number;
  readonly width: number;
}

/** The same values in another shape. */
export interface ReshapeLayer {
  readonly kind: 'reshape';
  readonly shape: readonly number[];
}

/** The same values as one row. */
export interface FlattenLayer {
  readonly kind: 'flatten';
}

export type Layer =
  | DenseLayer
  | Conv2dLayer
  | Conv2dTransposeLayer
  | BatchNormLayer
  | QuadraticLayer
  | CropLayer
  | ReshapeLayer
  | FlattenLayer;

/** One tensor of a network. */
export interface Parameter {
  /** `trunk.0.weight` and the like. */
  readonly name: string;
  readonly shape: readonly number[];
  /** In bytes from the start of the network's flat buffer. */
  readonly offset: number;
  /** How it begins: uniform on (−limit, limit), or all of one value. */
  readonly initial: { readonly limit: number } | { readonly value: number };
}

/** The tensors of a network and the size of the flat buffer that holds them. */
export interface ParameterLayout {
  readonly parameters: readonly Parameter[];
  readonly bytes: number;
}

/** A stack of layers with its place in the layout: `prefix.i.weight`, `prefix.i.bias`. */
export interface Stack {
  readonly prefix: string;
  /** Shape of one input. */
  readonly input: readonly number[];
  readonly layers: readonly Layer[];
}

const ALIGNMENT = 256;

/** Shape of what a stack gives for one sample. @throws UserError naming a layer that does not fit. */
export function outputShape({ prefix, input, layers }: Stack): readonly number[] {
  return layers.reduce((shape, layer, i) => shapeAfter(`${prefix}.${i}`, shape, layer), input);
}

/** Shape of a layer's output. @throws UserError where the layer is not sound or does not take the input. */
function shapeAfter(name: string, input: readonly number[], layer: Layer): readonly number[] {
  checkLayer(name, layer);
  switch (layer.kind) {
    case 'dense':
      return [layer.units];
    case 'conv2d': {
      const { rows, columns, filters } = convolutionOf(name, input, layer);
      return [rows, columns, filters];
    }
    case 'conv2d-transpose': {
      const { height, width, channels } = transposedOf(name, input, layer);
      return [height, width, channels];
    }
    case 'crop': {
      const [height, width, channels] = imageShape(name, layer.kind, input);
      if (layer.height > height || layer.width > width)
        throw new UserError(
          `layer ${name}: crops to ${layer.height}×${layer.width}, its input is only ${height}×${width}; ask for at most that`,
        );
      return [layer.height, layer.width, channels];
    }
    case 'batch-norm':
      return input;
    case 'quadratic':
      return [1];
    case 'reshape':
      if (sizeOf(layer.shape) !== sizeOf(input))
        throw new UserError(
          `layer ${name}: cannot reshape [${input}] (${sizeOf(input)} values) to [${layer.shape}] (${sizeOf(layer.shape)}); the sizes must be equal`,
        );
      return layer.shape;
    case 'flatten':
      return [sizeOf(input)];
  }
}

function imageShape(name: string, kind: string, input: readonly number[]): readonly [number, number, number] {
  if (input.length !== 3)
    throw new UserError(
      `layer ${name}: ${kind} takes images [height, width, channels], its input has shape [${input}]; put a reshape before it`,
    );
  return input as readonly [number, number, number];
}

/** The geometry of a convolution over its input. */
function convolutionOf(name: string, input: readonly number[], layer: Conv2dLayer): ConvGeometry {
  const [height, width, channels] = imageShape(name, layer.kind, input);
  const { kernel, filters, stride = 1 } = layer;
  return sameGeometry({ height, width, channels }, { kernel, stride, filters });
}

/** The geometry of the convolution that a transposed one is the adjoint of: its image is the layer's output. */
function transposedOf(name: string, input: readonly number[], layer: Conv2dTransposeLayer): ConvGeometry {
  const [rows, columns, inputs] = imageShape(name, layer.kind, input);
  const { kernel, filters, stride = 1 } = layer;
  return sameGeometry(
    { height: rows * stride, width: columns * stride, channels: filters },
    { kernel, stride, filters: inputs },
  );
}

const ACTIVATED = ['activation', 'slope'] as const;
const CONVOLUTION = ['filters', 'kernel', 'stride', 'bias', ...ACTIVATED] as const;

/** What the layers of each kind are told. */
const MEMBERS: {
  readonly [K in Layer['kind']]: readonly Exclude<keyof Extract<Layer, { kind: K }>, 'kind'>[];
} = {
  dense: ['units', 'bias', ...ACTIVATED],
  conv2d: CONVOLUTION,
  'conv2d-transpose': CONVOLUTION,
  'batch-norm': ACTIVATED,
  quadratic: ['bias'],
  crop: ['height', 'width'],
  reshape: ['shape'],
  flatten: [],
};

function checkLayer(name: string, layer: Layer): void {
  const whole: Readonly<Record<Layer['kind'], readonly string[]>> = {
    dense: ['units'],
    conv2d: ['filters', 'kernel', 'stride'],
    'conv2d-transpose': ['filters', 'kernel', 'stride'],
    'batch-norm': [],
    quadratic: [],
    crop: ['height', 'width'],
    reshape: [],
    flatten: [],
  };
  // From JavaScript a layer may be anything.
  const kind = (layer as Layer | null | undefined)?.kind;
  if (!Object.hasOwn(whole, kind ?? ''))
    throw new UserError(
      `layer ${name}: unknown kind ${JSON.stringify(kind)}; known: ${Object.keys(whole).join(', ')}`,
    );
  const { stride, ...given }: Record<string, unknown> = { ...layer };
  const values: Record<string, unknown> = { stride: stride ?? 1, ...given };
  for (const key of whole[layer.kind]) {
    const value = values[key];
    if (!Number.isInteger(value) || (value as number) < 1)
      throw new UserError(`layer ${name}: ${key} is ${String(value)}; must be a whole number of 1 or more`);
  }
  if (
    layer.kind === 'reshape' &&
    !(layer.shape.length > 0 && layer.shape.every((n) => Number.isInteger(n) && n > 0))
  )
    throw new UserError(`layer ${name}: shape is [${layer.shape}]; must be whole numbers of 1 or more`);
  const known = ['kind', ...MEMBERS[layer.kind]];
  const unknown = Object.keys(layer).find((key) => values[key] !== undefined && !known.includes(key));
  if (unknown !== undefined)
    throw new UserError(`layer ${name}: ${layer.kind} has no ${unknown}; it takes ${known.join(', ')}`);
  const { activation, slope } = layer as Activated;
  if (slope !== undefined && !(slope >= 0 && Number.isFinite(slope)))
    throw new UserError(`layer ${name}: slope is ${slope}; must be a finite number of 0 or more`);
  if (activation !== undefined && !ACTIVATIONS.includes(activation))
    throw new UserError(
      `layer ${name}: unknown activation ${JSON.stringify(activation)}; known: ${ACTIVATIONS.join(', ')}`,
    );
}

/** Uniform with standard deviation √(2/(fan_in + fan_out)) (Glorot & Bengio 2010). */
function glorot(fanIn: number, fanOut: number): Parameter['initial'] {
  return { limit: Math.sqrt(6 / (fanIn + fanOut)) };
}

/**
 * Uniform with standard deviation √(4/(fan_in + fan_out)), as in the published code: a window sees channels·kernel² values,
 * a value of the image is under filters·(kernel/stride)² of the windows' values.
 */
function convolutional({ kernel, stride, channels, filters }: ConvGeometry): Parameter['initial'] {
  const taps = kernel * kernel;
  return { limit: Math.sqrt(12 / (channels * taps + (filters * taps) / stride ** 2)) };
}

const ZEROS = { value: 0 } as const;

/** The trainable tensors of a layer, by the last part of their names. */
function parametersOf(
  name: string,
  input: readonly number[],
  layer: Layer,
): Readonly<Record<string, Pick<Parameter, 'shape' | 'initial'>>> {
  switch (layer.kind) {
    case 'dense': {
      const inputs = sizeOf(input);
      return {
        weight: { shape: [inputs, layer.units], initial: glorot(inputs, layer.units) },
        ...(layer.bias === false ? {} : { bias: { shape: [layer.units], initial: ZEROS } }),
      };
    }
    case 'conv2d':
    case 'conv2d-transpose': {
      const geometry =
        layer.kind === 'conv2d' ? convolutionOf(name, input, layer) : transposedOf(name, input, layer);
      const { kernel, channels, filters } = geometry;
      return {
        weight: { shape: [kernel, kernel, channels, filters], initial: convolutional(geometry) },
        ...(layer.bias === false ? {} : { bias: { shape: [layer.filters], initial: ZEROS } }),
      };
    }
    case 'batch-norm': {
      const channels = input.at(-1) as number;
      return {
        gamma: { shape: [channels], initial: { value: 1 } },
        beta: { shape: [channels], initial: ZEROS },
      };
    }
    case 'quadratic': {
      const d = sizeOf(input);
      return {
        weight: { shape: [d, d], initial: ZEROS },
        linear: { shape: [d], initial: ZEROS },
        ...(layer.bias === false ? {} : { bias: { shape: [1], initial: ZEROS } }),
      };
    }
    case 'crop':
    case 'reshape':
    case 'flatten':
      return {};
  }
}

/** What a frozen layer has beside its parameters. */
function statisticsOf(
  _name: string,
  input: readonly number[],
  layer: Layer,
): Readonly<Record<string, Pick<Parameter, 'shape' | 'initial'>>> {
  if (layer.kind !== 'batch-norm') return {};
  const shape = [input.at(-1) as number];
  return { mean: { shape, initial: ZEROS }, variance: { shape, initial: { value: 1 } } };
}

function layOut(stacks: readonly Stack[], tensorsOf: typeof parametersOf): ParameterLayout {
  const parameters: Parameter[] = [];
  let offset = 0;
  for (const { prefix, input, layers } of stacks) {
    let shape = input;
    layers.forEach((layer, i) => {
      const name = `${prefix}.${i}`;
      const next = shapeAfter(name, shape, layer);
      for (const [part, tensor] of Object.entries(tensorsOf(name, shape, layer))) {
        parameters.push({ name: `${name}.${part}`, ...tensor, offset });
        offset += Math.ceil((sizeOf(tensor.shape) * 4) / ALIGNMENT) * ALIGNMENT;
      }
      shape = next;
    });
  }
  return { parameters, bytes: Math.max(ALIGNMENT, offset) };
}

/** Lays out the trainable tensors of stacks in one flat buffer. @throws UserError naming a layer that cannot be. */
export function layOutParameters(stacks: readonly Stack[]): ParameterLayout {
  return layOut(stacks, parametersOf);
}

/** Lays out the frozen statistics of the stacks' batch norms: `prefix.i.mean`, `prefix.i.variance`. */
export function layOutStatistics(stacks: readonly Stack[]): ParameterLayout {
  return layOut(stacks, statisticsOf);
}

/** The tensors of a layout over the buffer of that name. */
export function parameterTensors(graph: Graph, layout: ParameterLayout, buffer: string): Map<string, Tensor> {
  return new Map(
    layout.parameters.map((p) => [
      p.name,
      graph.external(`${buffer}.${p.name}`, p.shape, { buffer, offset: p.offset }),
    ]),
  );
}

/** Where batch norms take their statistics from. */
export type Normalisation =
  | {
      readonly by: 'batch';
      /** Takes the statistics of each layer, by the names of `layOutStatistics`. */
      readonly measured?: Map<string, Tensor>;
    }
  | { readonly by: 'statistics'; readonly statistics: ReadonlyMap<string, Tensor> };

/** Applies a stack to x: [batch, inputs] → [batch, outputs]. */
export function applyStack(
  graph: Graph,
  { prefix, input, layers }: Stack,
  parameters: ReadonlyMap<string, Tensor>,
  x: Tensor,
  normalisation: Normalisation = { by: 'batch' },
): Tensor {
  let shape = input;
  return layers.reduce((value, layer, i) => {
    const name = `${prefix}.${i}`;
    const before = shape;
    shape = shapeAfter(name, shape, layer);
    return applyLayer(graph, layer, value, {
      name,
      label: `${name}(${x.name})`,
      input: before,
      parameter: (part) => parameters.get(`${name}.${part}`),
      normalisation,
    });
  }, x);
}

/** What a layer needs beside its input. */
interface Place {
  readonly name: string;
  readonly label: string;
  readonly input: readonly number[];
  readonly parameter: (part: string) => Tensor | undefined;
  readonly normalisation: Normalisation;
}

function applyLayer(graph: Graph, layer: Layer, x: Tensor, place: Place): Tensor {
  const { name, label, input, parameter, normalisation } = place;
  const needed = (part: string): Tensor => {
    const tensor = parameter(part);
    if (!tensor) throw new Error(`layers: ${name}.${part} is not in the layout`);
    return tensor;
  };
  const { activation = 'linear', slope = 0.2 } = layer as Activated;
  const bias = parameter('bias');
  const options = { activation, slope, name: label, ...(bias ? { bias } : {}) };
  switch (layer.kind) {
    case 'dense':
      return matmul(graph, x, needed('weight'), options);
    case 'conv2d':
      return conv2d(graph, x, needed('weight'), convolutionOf(name, input, layer), options);
    case 'conv2d-transpose':
      return conv2dTranspose(graph, x, needed('weight'), transposedOf(name, input, layer), options);
    case 'batch-norm': {
      const scaled = { activation, slope, name: label, gamma: needed('gamma'), beta: needed('beta') };
      if (normalisation.by === 'statistics') {
        const frozen = (part: string): Tensor => {
          const tensor = normalisation.statistics.get(`${name}.${part}`);
          if (!tensor) throw new Error(`layers: ${name}.${part} is not among the statistics`);
          return tensor;
        };
        return batchNormFrozen(graph, x, { ...scaled, mean: frozen('mean'), variance: frozen('variance') });
      }
      const { y, mean, variance } = batchNorm(graph, x, { ...scaled, channels: input.at(-1) as number });
      normalisation.measured?.set(`${name}.mean`, mean).set(`${name}.variance`, variance);
      return y;
    }
    case 'quadratic': {
      const product = matmul(graph, x, needed('weight'), {
        bias: needed('linear'),
        name: `${label}.product`,
      });
      return rowDot(graph, product, x, { name: label, ...(bias ? { bias } : {}) });
    }
    case 'crop': {
      const [height, width, channels] = input as readonly [number, number, number];
      return crop(graph, x, { height, width, channels, toHeight: layer.height, toWidth: layer.width });
    }
    case 'reshape':
    case 'flatten':
      return x;
  }
}
