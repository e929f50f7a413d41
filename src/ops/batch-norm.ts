/**
 * Batch normalisation and the activation behind it, over all but the last axis of NHWC images, or of a matrix:
 *   y = act( γ (x − μ)/√(σ² + ε) + β ),   ε = 1e-5,
 * with the mean μ and biased variance σ² of each channel over the batch's rows (x seen as [rows, channels]), through which
 * gradients pass, or with given ones, when every row is normalised for itself.
 */
import { kernelCall } from '../gpu/kernel.ts';
import type { Target } from '../gpu/target.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { type ActivationKind, activationNumber } from './activation-kinds.ts';
import { lanesAcross } from './grid.ts';

interface BatchNorm {
  readonly rows: number;
  readonly channels: number;
  readonly activation: ActivationKind;
  readonly slope: number;
}

interface BatchNormGradient extends BatchNorm {
  /** Whether mean and variance do not depend on x. */
  readonly frozen: boolean;
}

/** Chunks of rows at most, whose sums every invocation brings together. */
const MOST_CHUNKS = 32;
/** Workgroups that keep an adapter busy while sums are taken. */
const BUSY_GROUPS = { software: 8, hardware: 512 };

/** Rows in chunks of one workgroup each, so that few channels of many rows are no serial work, and that workgroup's size. */
function chunksOf(
  { rows, channels }: BatchNorm,
  adapter: Target['adapter'],
): { lanes: number; chunkRows: number; chunks: number; groups: [number, number, number] } {
  const across = lanesAcross(channels);
  const lanes = adapter === 'software' ? across : 256;
  const tiles = Math.ceil(channels / across);
  const few = Math.min(MOST_CHUNKS, Math.ceil(BUSY_GROUPS[adapter] / tiles));
  const chunkRows = Math.max(8 * (lanes / across), Math.ceil(rows / few));
  const chunks = Math.ceil(rows / chunkRows);
  return { lanes, chunkRows, chunks, groups: [tiles, chunks, 1] };
}

/** WebGPU takes no more workgroups in a direction. */
const MOST_ROW_GROUPS = 65_535;

/** Rows of a workgroup of an elementwise kernel: enough to be worth bringing `chunks` sums together. */
function rowGroups(
  { rows, channels }: BatchNorm,
  chunks: number,
): { groupRows: number; groups: [number, number, number] } {
  const across = lanesAcross(channels);
  const groupRows = Math.max((64 / across) * Math.max(16, 4 * chunks), Math.ceil(rows / MOST_ROW_GROUPS));
  return { groupRows, groups: [Math.ceil(channels / across), Math.ceil(rows / groupRows), 1] };
}

const batchNormOp: Op<BatchNorm> = {
  name: 'batch-norm',
  dispatch({ inputs, outputs, attributes: at }, target) {
    const [x, gamma, beta] = inputs as readonly [Tensor, Tensor, Tensor];
    const [y, mean, variance, partials] = outputs as readonly [Tensor, Tensor, Tensor, Tensor];
    const { rows, channels, activation, slope } = at;
    const { lanes, chunkRows, chunks, groups } = chunksOf(at, target.adapter);
    const each = rowGroups(at, chunks);
    const overrides = { ACROSS: lanesAcross(channels) };
    return [
      kernelCall({
        kernel: 'batch_norm_statistics',
        label: partials.name,
        params: { rows, channels, chunk_rows: chunkRows },
        bindings: { x, partials },
        overrides: { ...overrides, LANES: lanes },
        workgroups: groups,
        flops: 5 * rows * channels,
        bytes: 4 * rows * channels,
      }),
      kernelCall({
        kernel: 'batch_norm',
        label: y.name,
        params: { rows, channels, chunk_rows: chunkRows, group_rows: each.groupRows, slope },
        bindings: { partials, x, gamma, beta, y, mean, variance },
        overrides: { ...overrides, ACTIVATION: activationNumber(activation) },
        workgroups: each.groups,
        flops: 5 * rows * channels,
        bytes: 8 * rows * channels,
      }),
    ];
  },
  derivative(graph, { inputs, outputs, attributes }, [dy, dmean, dvariance]) {
    const [x, gamma, beta] = inputs as readonly [Tensor, Tensor, Tensor];
    const [y, mean, variance] = outputs as readonly [Tensor, Tensor, Tensor];
    if (dmean || dvariance || !dy)
      throw new Error(`batch-norm: gradients pass through ${y.name} only, not through its statistics`);
    return gradients(graph, { dy, y, x, gamma, beta, mean, variance }, { ...attributes, frozen: false });
  },
};

const batchNormFrozenOp: Op<BatchNorm> = {
  name: 'batch-norm-frozen',
  dispatch({ inputs, outputs, attributes: at }) {
    const [x, gamma, beta, mean, variance] = inputs as readonly [Tensor, Tensor, Tensor, Tensor, Tensor];
    const [y] = outputs as readonly [Tensor];
    const { rows, channels, activation, slope } = at;
    const { groupRows, groups } = rowGroups(at, 1);
    return [
      kernelCall({
        kernel: 'batch_norm_frozen',
        label: y.name,
        params: { rows, channels, group_rows: groupRows, slope },
        bindings: { x, gamma, beta, mean, variance, y },
        overrides: { ACROSS: lanesAcross(channels), ACTIVATION: activationNumber(activation) },
        workgroups: groups,
        flops: 5 * rows * channels,
        bytes: 8 * rows * channels,
      }),
    ];
  },
  derivative(graph, { inputs, outputs, attributes }, [dy], wanted) {
    const [x, gamma, beta, mean, variance] = inputs as readonly [Tensor, Tensor, Tensor, Tensor, Tensor];
    if (wanted[3] || wanted[4] || !dy)
      throw new Error(`batch-norm-frozen: ${mean.name} and ${variance.name} have no gradient`);
    const y = outputs[0] as Tensor;
    return gradients(graph, { dy, y, x, gamma, beta, mean, variance }, { ...attributes, frozen: true });
  },
};

const batchNormGradientOp: Op<BatchNormGradient> = {
  name: 'batch-norm-gradient',
  dispatch({ inputs, outputs, attributes: at }, target) {
    const [dy, x, gamma, mean, variance, output] = inputs as readonly [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor | undefined,
    ];
    const [dx, dgamma, dbeta, sums] = outputs as readonly [Tensor, Tensor, Tensor, Tensor];
    const { rows, channels, activation, slope, frozen } = at;
    const { lanes, chunkRows, chunks, groups } = chunksOf(at, target.adapter);
    const each = rowGroups(at, chunks);
    const overrides = { ACROSS: lanesAcross(channels), ACTIVATION: activationNumber(activation) };
    const y = output ?? dy; // the override keeps it from being read
    return [
      kernelCall({
        kernel: 'batch_norm_gradient_sums',
        label: sums.name,
        params: { rows, channels, chunk_rows: chunkRows, slope },
        bindings: { dy, y, x, mean, variance, gamma, sums },
        overrides: { ...overrides, LANES: lanes },
        workgroups: groups,
        flops: 7 * rows * channels,
        bytes: (output ? 12 : 8) * rows * channels,
      }),
      kernelCall({
        kernel: 'batch_norm_gradient',
        label: dx.name,
        params: { rows, channels, chunks, group_rows: each.groupRows, slope },
        bindings: { dy, y, x, sums, dx, dgamma, dbeta },
        overrides: { ...overrides, FROZEN: Number(frozen) },
        workgroups: each.groups,
        flops: 8 * rows * channels,
        bytes: (output ? 16 : 12) * rows * channels,
      }),
    ];
  },
  /** Frozen, dx is linear in dy, and its own transpose. */
  derivative(graph, { inputs, attributes }, [gradient, ...others], wanted) {
    const [, x, gamma, mean, variance, y] = inputs as readonly [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor | undefined,
    ];
    if (!gradient || !attributes.frozen || others.some(Boolean) || wanted.slice(1).includes(true))
      throw new Error(`batch-norm-gradient: of ${x.name} only frozen gradients can be differentiated, by dy`);
    const tensors = { dy: gradient, y: y ?? gradient, x, gamma, beta: gamma, mean, variance };
    return [gradients(graph, tensors, attributes)[0]];
  },
};

/** Gradients of x, γ and β; the node's further inputs have none. */
function gradients(
  graph: Graph,
  tensors: Readonly<Record<'dy' | 'y' | 'x' | 'gamma' | 'beta' | 'mean' | 'variance', Tensor>>,
  attributes: BatchNormGradient,
): readonly Tensor[] {
  const { dy, y, x, gamma, beta, mean, variance } = tensors;
  const { channels, activation } = attributes;
  const [dx, dgamma, dbeta] = graph.add(batchNormGradientOp, {
    inputs: [dy, x, gamma, mean, variance, ...(activation === 'linear' ? [] : [y])],
    outputs: [
      { name: `d(${x.name})`, shape: x.shape },
      { name: `d(${gamma.name})`, shape: [channels] },
      { name: `d(${beta.name})`, shape: [channels] },
      { name: `sums of d(${y.name})`, shape: [3 + 2 * MOST_CHUNKS, channels] },
    ],
    attributes,
  });
  return [dx, dgamma, dbeta];
}

export interface BatchNormOptions {
  /** γ and β, [channels]. */
  readonly gamma: Tensor;
  readonly beta: Tensor;
  readonly activation?: ActivationKind;
  /** Slope of a leaky ReLU below zero. Default 0.2. */
  readonly slope?: number;
  readonly name?: string;
}

function attributesOf(x: Tensor, channels: number, options: BatchNormOptions): BatchNorm {
  const rows = sizeOf(x.shape) / channels;
  const { gamma, beta, activation = 'linear', slope = 0.2 } = options;
  if (x.shape[1]! % channels !== 0 || gamma.shape[0] !== channels || beta.shape[0] !== channels)
    throw new Error(
      `batch-norm: ${x.name} is [${x.shape}], ${gamma.name} [${gamma.shape}], ${beta.name} [${beta.shape}]; the rows must be a multiple of ${channels} channels`,
    );
  return { rows, channels, activation, slope };
}

/** Normalises x, [batch, size] with the channel innermost, by the statistics of the batch: y, [batch, size], and the statistics, [channels]. */
export function batchNorm(
  graph: Graph,
  x: Tensor,
  options: BatchNormOptions & { readonly channels: number },
): { y: Tensor; mean: Tensor; variance: Tensor } {
  const { channels, gamma, beta, name = `normalised(${x.name})` } = options;
  const [y, mean, variance] = graph.add(batchNormOp, {
    inputs: [x, gamma, beta],
    outputs: [
      { name, shape: x.shape },
      { name: `${name}.mean`, shape: [channels] },
      { name: `${name}.variance`, shape: [channels] },
      { name: `${name}.partials`, shape: [MOST_CHUNKS, 2, channels] },
    ],
    attributes: attributesOf(x, channels, options),
  });
  return { y, mean, variance };
}

/** Normalises x, [batch, size] with the channel innermost, by given statistics, [channels]. */
export function batchNormFrozen(
  graph: Graph,
  x: Tensor,
  options: BatchNormOptions & { readonly mean: Tensor; readonly variance: Tensor },
): Tensor {
  const { gamma, beta, mean, variance, name = `normalised(${x.name})` } = options;
  return graph.add(batchNormFrozenOp, {
    inputs: [x, gamma, beta, mean, variance],
    outputs: [{ name, shape: x.shape }],
    attributes: attributesOf(x, gamma.shape[0] as number, options),
  })[0];
}
