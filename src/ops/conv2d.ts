/**
 * Convolution, transposed convolution and the gradient of their weights, as implicit matrix products with the epilogue of
 * product.ts. With the geometry of conv-geometry.ts and W [kernel, kernel, channels, filters]:
 *   conv2d             image → windows    y = act(Σ image ⋆ W + bias)
 *   conv2dTranspose    windows → image    the adjoint of conv2d, then bias and act
 *   conv2dWeight       image, windows → W the gradient of Σ windows·conv2d(image) with respect to W
 * Each one's derivative is made of the other two, so that they can be differentiated any number of times. Images are NHWC
 * in the rows of a matrix: [batch, height·width·channels].
 */
import { kernelCall } from '../gpu/kernel.ts';
import type { Graph, Op, Tensor } from '../graph/graph.ts';
import { type ConvGeometry, blocksOf } from './conv-geometry.ts';
import { type Conv2dSize, conv2dCandidates, conv2dParts, conv2dVariant } from './conv2d-variants.ts';
import {
  type Conv2dWeightSize,
  conv2dWeightCandidates,
  conv2dWeightVariant,
  mostWeightParts,
} from './conv2d-weight-variants.ts';
import { elementGroups } from './grid.ts';
import { activationNumber } from './activation-kinds.ts';
import {
  type Product,
  type ProductOptions,
  epilogueCall,
  productOf,
  storedConstants,
  sumGradient,
} from './product.ts';
import { reduceColumns } from './reduce.ts';

/** A convolution as its kernels see it: windows over an input image, and where its outputs go. */
interface Windows {
  readonly batch: number;
  /** The image that the windows lie on. */
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Windows down and across. */
  readonly rows: number;
  readonly columns: number;
  readonly tapRows: number;
  readonly tapColumns: number;
  readonly stride: number;
  readonly padTop: number;
  readonly padLeft: number;
  /** Values that each window gives. */
  readonly outputs: number;
  /** Each window's outputs are a block of `block` × `block` pixels of this image; 1 and the windows themselves where plain. */
  readonly block: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

interface Conv extends Product {
  readonly geometry: ConvGeometry;
  readonly windows: Windows;
}

const sizeOfWindows = (w: Windows): Conv2dSize => ({
  m: w.batch * w.rows * w.columns,
  n: w.outputs,
  k: w.tapRows * w.tapColumns * w.channels,
  channels: w.channels,
});

const windowsCandidates: Op<Conv>['candidates'] = ({ attributes }, target) =>
  conv2dCandidates(sizeOfWindows(attributes.windows), target);

/** Over windows, weight is [tapRows, tapColumns, channels, outputs]: one dispatch, or two where the sums are in parts. */
const dispatchWindows: Op<Conv>['dispatch'] = ({ inputs, outputs, attributes: at }, target) => {
  const [image, weight] = inputs as readonly [Tensor, Tensor];
  const [out, parts] = outputs as readonly [Tensor, Tensor];
  const { windows: w } = at;
  const size = sizeOfWindows(w);
  const { m, n, k } = size;
  const variant = conv2dVariant(size, target);
  const epilogue = epilogueCall(inputs, at, image);
  const finish = {
    label: out.name,
    params: {
      m,
      n,
      rows: w.rows,
      columns: w.columns,
      out_height: w.outHeight,
      out_width: w.outWidth,
      out_channels: n / (w.block * w.block),
      ...epilogue.params,
    },
    bindings: { ...epilogue.bindings, out },
    overrides: { ...epilogue.overrides, ACTIVATION: activationNumber(at.activation), BLOCK: w.block },
  };
  const shared = {
    ...finish,
    params: {
      ...finish.params,
      height: w.height,
      width: w.width,
      channels: w.channels,
      tap_rows: w.tapRows,
      tap_columns: w.tapColumns,
      stride: w.stride,
      pad_top: w.padTop,
      pad_left: w.padLeft,
    },
    bindings: { image, weight, ...finish.bindings },
    workgroups: variant.workgroups,
    flops: 2 * m * n * k,
    bytes: 4 * (w.batch * w.height * w.width * w.channels + k * n + m * n),
  };
  if (variant.kernel === 'conv2d_subgroup4')
    return [
      kernelCall({
        ...shared,
        kernel: variant.kernel,
        overrides: { ...shared.overrides, TILE: variant.outputs },
      }),
    ];
  if (variant.kernel !== 'conv2d_tile') return [kernelCall({ ...shared, kernel: variant.kernel })];
  const { splits, each } = variant;
  const tiles = {
    ...shared,
    kernel: variant.kernel,
    params: { ...shared.params, each },
    constants: {
      OUTPUTS: variant.outputs,
      WHOLE_STEPS: Number(variant.wholeSteps),
      ...storedConstants(variant.halves),
    },
  } as const;
  if (splits === 1) return [kernelCall(tiles)];
  return [
    kernelCall({
      ...tiles,
      label: `${out.name}.parts`,
      bindings: { ...tiles.bindings, bias: image, gate: image, out: parts },
      overrides: { PARTS: 1 },
      bytes: tiles.bytes + 4 * (splits - 1) * m * n,
    }),
    kernelCall({
      ...finish,
      kernel: 'conv2d_sum',
      params: { ...finish.params, splits },
      bindings: { parts, ...finish.bindings },
      workgroups: elementGroups(m * n, 64),
      flops: splits * m * n,
      bytes: 4 * (splits + 1) * m * n,
    }),
  ];
};

/** The outputs of a node over windows: its result, and room for the parts of the sums. */
function windowsOutputs(name: string, shape: readonly number[], windows: Windows) {
  const size = sizeOfWindows(windows);
  return [
    { name, shape },
    { name: `${name}.parts`, shape: [conv2dParts(size).splits, size.m, size.n] },
  ] as const;
}

const conv2dOp: Op<Conv> = {
  name: 'conv2d',
  isProduct: true,
  candidates: windowsCandidates,
  dispatch: dispatchWindows,
  derivative(graph, node, [outGradient], wanted) {
    const { geometry, bias } = node.attributes;
    const [image, weight] = node.inputs as readonly [Tensor, Tensor];
    const dz = sumGradient(graph, node, outGradient);
    const gradients: (Tensor | undefined)[] = node.inputs.map(() => undefined);
    const biasWanted = bias >= 0 && wanted[bias] === true;
    if (wanted[1]) {
      const [dWeight, dBias] = weightNode(graph, image, dz, geometry, {
        name: `d(${weight.name})`,
        columnSums: biasWanted,
      });
      gradients[1] = dWeight;
      if (biasWanted) gradients[bias] = dBias;
    } else if (biasWanted) gradients[bias] = reduceColumns(graph, dz, 'sum', geometry.filters);
    if (wanted[0]) gradients[0] = conv2dTranspose(graph, dz, weight, geometry, { name: `d(${image.name})` });
    return gradients;
  },
};

/** act(conv(image, W) + bias): [batch, h·w·channels] → [batch, rows·columns·filters]; bias [filters]. */
export function conv2d(
  graph: Graph,
  image: Tensor,
  weight: Tensor,
  geometry: ConvGeometry,
  options: ProductOptions = {},
): Tensor {
  const batch = image.shape[0] as number;
  const { rows, columns, filters, kernel } = geometry;
  const { inputs, epilogue } = productOf([image, weight], options);
  const windows = {
    ...geometry,
    batch,
    tapRows: kernel,
    tapColumns: kernel,
    outputs: filters,
    block: 1,
    outHeight: rows,
    outWidth: columns,
  };
  return graph.add(conv2dOp, {
    inputs,
    outputs: windowsOutputs(
      options.name ?? `conv(${image.name})`,
      [batch, rows * columns * filters],
      windows,
    ),
    attributes: { ...epilogue, geometry, windows },
  })[0];
}

const packOp: Op<ConvGeometry> = {
  name: 'conv2d-pack',
  dispatch({ inputs, outputs, attributes: geometry }) {
    const [weight] = inputs as readonly [Tensor];
    const [packed] = outputs as readonly [Tensor];
    const { kernel, stride, channels, filters, padTop, padLeft } = geometry;
    const blocks = blocksOf(geometry);
    const count = blocks.tapRows * blocks.tapColumns * filters * blocks.blockChannels;
    return [
      kernelCall({
        kernel: 'conv2d_pack',
        label: packed.name,
        params: {
          count,
          kernel,
          channels,
          filters,
          stride,
          pad_top: padTop,
          pad_left: padLeft,
          tap_columns: blocks.tapColumns,
          block_pad_top: blocks.padTop,
          block_pad_left: blocks.padLeft,
        },
        bindings: { weight, packed },
        workgroups: elementGroups(count, 64),
        flops: 0,
        bytes: 4 * (kernel * kernel * channels * filters + count),
      }),
    ];
  },
};

/** W as the weights of the plain convolution that a transposed one is (conv-geometry.ts, `blocksOf`); made once a graph. */
function packed(graph: Graph, weight: Tensor, geometry: ConvGeometry): Tensor {
  const found = graph.nodes.find(
    ({ op, inputs, attributes }) =>
      op === (packOp as Op<unknown>) &&
      inputs[0] === weight &&
      JSON.stringify(attributes) === JSON.stringify(geometry),
  );
  if (found) return found.outputs[0] as Tensor;
  const { tapRows, tapColumns, blockChannels } = blocksOf(geometry);
  return graph.add(packOp, {
    inputs: [weight],
    outputs: [
      { name: `packed(${weight.name})`, shape: [tapRows, tapColumns, geometry.filters, blockChannels] },
    ],
    attributes: geometry,
  })[0];
}

/** The windows of a transposed convolution: the packed weights are its second input, W itself its third. */
const conv2dTransposeOp: Op<Conv> = {
  name: 'conv2d-transpose',
  isProduct: true,
  candidates: windowsCandidates,
  dispatch: dispatchWindows,
  derivative(graph, node, [outGradient], wanted) {
    const { geometry, bias } = node.attributes;
    const [windows, , weight] = node.inputs as readonly [Tensor, Tensor, Tensor];
    const dz = sumGradient(graph, node, outGradient);
    const gradients: (Tensor | undefined)[] = node.inputs.map(() => undefined);
    if (wanted[2]) gradients[2] = weightNode(graph, dz, windows, geometry, { name: `d(${weight.name})` })[0];
    if (bias >= 0 && wanted[bias]) gradients[bias] = reduceColumns(graph, dz, 'sum', geometry.channels);
    if (wanted[0]) gradients[0] = conv2d(graph, dz, weight, geometry, { name: `d(${windows.name})` });
    return gradients;
  },
};

/** act(convᵀ(windows, W) + bias): [batch, rows·columns·filters] → [batch, h·w·channels]; bias [channels]. */
export function conv2dTranspose(
  graph: Graph,
  windows: Tensor,
  weight: Tensor,
  geometry: ConvGeometry,
  options: ProductOptions = {},
): Tensor {
  const batch = windows.shape[0] as number;
  const { height, width, channels, filters, stride } = geometry;
  const blocks = blocksOf(geometry);
  const { inputs, epilogue } = productOf([windows, packed(graph, weight, geometry), weight], options);
  const over = {
    ...blocks,
    batch,
    height: geometry.rows,
    width: geometry.columns,
    channels: filters,
    stride: 1,
    outputs: blocks.blockChannels,
    block: stride,
    outHeight: height,
    outWidth: width,
  };
  return graph.add(conv2dTransposeOp, {
    inputs,
    outputs: windowsOutputs(
      options.name ?? `convᵀ(${windows.name})`,
      [batch, height * width * channels],
      over,
    ),
    attributes: { ...epilogue, geometry, windows: over },
  })[0];
}

interface ConvWeight extends Product {
  readonly geometry: ConvGeometry;
  readonly batch: number;
}

const sizeOfWeights = ({ geometry: g, batch, columnSums }: ConvWeight): Conv2dWeightSize => ({
  m: g.kernel * g.kernel * g.channels,
  n: g.filters,
  k: batch * g.rows * g.columns,
  channels: g.channels,
  columnSums,
});

/**
 * In two stages, since the result is small and the sum long: parts of the windows side by side, then their sum in order.
 * The parts of the sums for the bias follow those of the weights.
 */
const conv2dWeightOp: Op<ConvWeight> = {
  name: 'conv2d-weight',
  isProduct: true,
  candidates: ({ attributes }, target) => conv2dWeightCandidates(sizeOfWeights(attributes), target),
  dispatch({ inputs, outputs, attributes: at }, target) {
    const [image, windows] = inputs as readonly [Tensor, Tensor];
    const [out, columnSums, parts] = outputs as readonly [Tensor, Tensor, Tensor];
    const { geometry: g, batch } = at;
    const size = sizeOfWeights(at);
    const { m, n, k: count } = size;
    const variant = conv2dWeightVariant(size, target);
    const { splits, each, sumLanes, workgroups } = variant;
    const label = out.name;
    const shared = {
      label: `${label}.parts`,
      params: {
        m,
        n,
        count,
        each,
        height: g.height,
        width: g.width,
        channels: g.channels,
        rows: g.rows,
        columns: g.columns,
        kernel: g.kernel,
        stride: g.stride,
        pad_top: g.padTop,
        pad_left: g.padLeft,
      },
      bindings: { image, windows, parts },
      overrides: { COLUMN_SUMS: Number(at.columnSums) },
      workgroups,
      flops: 2 * m * n * count,
      bytes: 4 * (batch * g.height * g.width * g.channels + count * n + splits * m * n),
    };
    return [
      variant.kernel === 'conv2d_weight_subgroup4'
        ? kernelCall({
            ...shared,
            kernel: variant.kernel,
            overrides: { ...shared.overrides, TILE: variant.filters },
          })
        : variant.kernel === 'conv2d_weight_tile'
          ? kernelCall({
              ...shared,
              kernel: variant.kernel,
              constants: { ONE_TAP: Number(variant.oneTap), ...storedConstants(variant.halves) },
            })
          : kernelCall({ ...shared, kernel: variant.kernel }),
      kernelCall({
        kernel: 'conv2d_weight_sum',
        label,
        params: { size: m * n, columns: n, splits },
        bindings: { parts, out, column_sums: columnSums },
        overrides: { ACCUMULATE: Number(at.accumulate >= 0), COLUMN_SUMS: Number(at.columnSums) },
        constants: { LANES: sumLanes },
        workgroups: elementGroups(m * n + n, 64 / sumLanes),
        flops: splits * m * n,
        bytes: 4 * (splits + 1) * m * n,
      }),
    ];
  },
  derivative(graph, { inputs, attributes: { geometry, accumulate, columnSums } }, [gradient], wanted) {
    if (!gradient || accumulate >= 0 || columnSums)
      throw new Error('conv2d-weight: already part of a backward pass; its derivative is not defined');
    const [image, windows] = inputs as readonly [Tensor, Tensor];
    return [
      wanted[0]
        ? conv2dTranspose(graph, windows, gradient, geometry, { name: `d(${image.name})` })
        : undefined,
      wanted[1] ? conv2d(graph, image, gradient, geometry, { name: `d(${windows.name})` }) : undefined,
    ];
  },
};

function weightNode(
  graph: Graph,
  image: Tensor,
  windows: Tensor,
  geometry: ConvGeometry,
  { name, columnSums = false }: { name: string; columnSums?: boolean },
): readonly [Tensor, Tensor, Tensor] {
  const { kernel, channels, filters } = geometry;
  const { inputs, epilogue } = productOf([image, windows], {}, { columnSums, gates: false });
  const attributes = { ...epilogue, geometry, batch: image.shape[0] as number };
  const size = sizeOfWeights(attributes);
  return graph.add(conv2dWeightOp, {
    inputs,
    outputs: [
      { name, shape: [kernel, kernel, channels, filters] },
      { name: `${name}.columnSums`, shape: [columnSums ? filters : 1] }, // WebGPU wants every binding bound
      { name: `${name}.parts`, shape: [mostWeightParts(size), size.m + 1, size.n] },
    ],
    attributes,
  });
}

/** dL/dW of a convolution, from its image and dL/d(windows): [kernel, kernel, channels, filters]. */
export function conv2dWeight(
  graph: Graph,
  image: Tensor,
  windows: Tensor,
  geometry: ConvGeometry,
  options: { readonly name?: string } = {},
): Tensor {
  return weightNode(graph, image, windows, geometry, {
    name: options.name ?? `d(W of ${windows.name})`,
  })[0];
}
