/**
 * Matrix product with everything that surrounds it in a dense layer, forward and backward, in one dispatch:
 *   out = act( (old out + op(a)·op(b) + bias) ⊙ act'(gate) ),   optionally also the column sums of b (bias gradient).
 * a is [m, k] or, transposed, [k, m]; b is [k, n] or [n, k]; out is [m, n].
 */
import { kernelCall } from '../gpu/kernel.ts';
import type { Graph, Node, Op, Tensor } from '../graph/graph.ts';
import { type ActivationKind, activationNumber } from './activation-kinds.ts';
import { activationGradient } from './activation.ts';
import { add } from './add.ts';
import { matmulVariant } from './matmul-variants.ts';
import { reduceColumns } from './reduce.ts';

interface Matmul {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly activation: ActivationKind;
  readonly slope: number;
  /** Index among the node's inputs of each optional one, -1 where absent. */
  readonly bias: number;
  gate: number;
  gateActivation: ActivationKind;
  gateSlope: number;
  /** Input whose memory and values the product is added to. */
  accumulate: number;
  readonly columnSums: boolean;
}

const matmulOp: Op<Matmul> = {
  name: 'matmul',
  dispatch({ inputs, outputs, attributes: at }, target) {
    const [a, b] = inputs as readonly [Tensor, Tensor];
    const out = outputs[0] as Tensor;
    const input = (index: number, otherwise: Tensor): Tensor =>
      index < 0 ? otherwise : (inputs[index] as Tensor);
    const { kernel, workgroups } = matmulVariant(at, target);
    return [
      kernelCall({
        kernel,
        label: out.name,
        params: {
          m: at.m,
          n: at.n,
          k: at.k,
          activation_slope: at.slope,
          gate_slope: at.gateSlope,
        },
        // Absent inputs are bound to `a`: the overrides keep them from being read.
        bindings: {
          a,
          b,
          bias: input(at.bias, a),
          gate: input(at.gate, a),
          out,
          column_sums: outputs[1] as Tensor,
        },
        overrides: {
          TRANSPOSE_A: Number(at.transposeA),
          TRANSPOSE_B: Number(at.transposeB),
          HAS_BIAS: Number(at.bias >= 0),
          ACTIVATION: activationNumber(at.activation),
          ACCUMULATE: Number(at.accumulate >= 0),
          GATE: activationNumber(at.gate < 0 ? 'linear' : at.gateActivation),
          COLUMN_SUMS: Number(at.columnSums),
        },
        workgroups,
        flops: 2 * at.m * at.n * at.k,
        bytes: 4 * (at.m * at.k + at.k * at.n + at.m * at.n),
      }),
    ];
  },
  derivative(graph, node, [outGradient], wanted) {
    const at = node.attributes;
    if (!outGradient || at.gate >= 0 || at.accumulate >= 0 || at.columnSums)
      throw new Error(
        `matmul: ${node.outputs[0]?.name} is already part of a backward pass; its derivative is not defined`,
      );
    const [a, b] = node.inputs as readonly [Tensor, Tensor];
    const out = node.outputs[0] as Tensor;
    const dz = gated(graph, outGradient, out, at.activation, at.slope);
    const gradients: (Tensor | undefined)[] = node.inputs.map(() => undefined);
    const names = { a: `d(${a.name})`, b: `d(${b.name})` };
    if (wanted[1]) {
      // db = op(a)ᵀ·dz, or its transpose; the bias gradient, the column sums of dz, rides along where dz is the right factor.
      const bias = at.bias >= 0 && wanted[at.bias];
      if (!at.transposeB) {
        const [db, dbias] = matmulNode(graph, a, dz, {
          transposeA: !at.transposeA,
          columnSums: bias ?? false,
          name: names.b,
        });
        gradients[1] = db;
        if (bias) gradients[at.bias] = dbias;
      } else {
        gradients[1] = matmulNode(graph, dz, a, {
          transposeA: true,
          transposeB: at.transposeA,
          name: names.b,
        })[0];
      }
    }
    if (at.bias >= 0 && wanted[at.bias]) gradients[at.bias] ??= reduceColumns(graph, dz, 'sum');
    if (wanted[0]) {
      gradients[0] = at.transposeA
        ? matmulNode(graph, b, dz, { transposeA: at.transposeB, transposeB: true, name: names.a })[0]
        : matmulNode(graph, dz, b, { transposeB: !at.transposeB, name: names.a })[0];
    }
    return gradients;
  },
};

export interface MatmulOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** [n], added to each row. */
  readonly bias?: Tensor;
  readonly activation?: ActivationKind;
  /** Slope of a leaky ReLU below zero. Default 0.2. */
  readonly slope?: number;
  readonly columnSums?: boolean;
  readonly name?: string;
}

function matmulNode(graph: Graph, a: Tensor, b: Tensor, options: MatmulOptions): readonly Tensor[] {
  const { transposeA = false, transposeB = false, bias, columnSums = false } = options;
  const [m, k] = (transposeA ? [a.shape[1], a.shape[0]] : [a.shape[0], a.shape[1]]) as [number, number];
  const [kb, n] = (transposeB ? [b.shape[1], b.shape[0]] : [b.shape[0], b.shape[1]]) as [number, number];
  if (k !== kb)
    throw new Error(
      `matmul: inner sizes differ: ${a.name} is [${a.shape}], ${b.name} is [${b.shape}] (transposed: ${transposeA}, ${transposeB})`,
    );
  const name = options.name ?? `${a.name}·${b.name}`;
  return graph.add(matmulOp, {
    inputs: bias ? [a, b, bias] : [a, b],
    outputs: [
      { name, shape: [m, n] },
      { name: `${name}.columnSums`, shape: [columnSums ? n : 1] }, // WebGPU wants every binding bound
    ],
    attributes: {
      m,
      n,
      k,
      transposeA,
      transposeB,
      activation: options.activation ?? 'linear',
      slope: options.slope ?? 0.2,
      bias: bias ? 2 : -1,
      gate: -1,
      gateActivation: 'linear',
      gateSlope: 0,
      accumulate: -1,
      columnSums,
    },
  });
}

/** act(op(a)·op(b) + bias): [m, n]. */
export function matmul(graph: Graph, a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  return matmulNode(graph, a, b, options)[0] as Tensor;
}

/** The node that a gradient comes from, if it is a product whose epilogue is still free for what follows. */
function openProduct(graph: Graph, gradient: Tensor): Node<Matmul> | undefined {
  const node = graph.producer(gradient);
  if (node?.op !== (matmulOp as Op<unknown>) || graph.isKept(gradient)) return undefined;
  const found = node as Node<Matmul>;
  const { gate, activation, bias } = found.attributes;
  return gate < 0 && bias < 0 && activation === 'linear' ? found : undefined;
}

/** dy ⊙ act'(y): in the epilogue of the product that makes dy, where there is one and dy has no other use. */
function gated(graph: Graph, dy: Tensor, y: Tensor, kind: ActivationKind, slope: number): Tensor {
  if (kind === 'linear') return dy;
  const product = openProduct(graph, dy);
  if (!product || product.attributes.columnSums) return activationGradient(graph, dy, y, kind, slope);
  product.attributes = {
    ...product.attributes,
    gate: product.inputs.length,
    gateActivation: kind,
    gateSlope: slope,
  };
  product.inputs = [...product.inputs, y];
  return dy;
}

/**
 * Sum of two gradients of one tensor. Where the later one is a product, or the column sums of its second factor, it adds
 * itself onto the earlier one in place, unless one of them has other uses.
 */
export function addGradients(graph: Graph, a: Tensor, b: Tensor): Tensor {
  const order = (tensor: Tensor): number => graph.nodes.indexOf(graph.producer(tensor) as Node);
  const [early, late] = order(a) <= order(b) ? [a, b] : [b, a];
  const product = openProduct(graph, late);
  const output = product?.outputs.indexOf(late) ?? -1;
  // The bias gradient follows the weight's: a product accumulates into both of its outputs or into none.
  const free = output === 0 ? product?.attributes.accumulate === -1 : product?.inPlace[1] === undefined;
  const joined =
    output === 1
      ? (product?.attributes.accumulate ?? -1) >= 0
      : !product?.attributes.columnSums || isColumnSummed(graph, early);
  if (!product || order(early) < 0 || graph.isKept(early) || !free || !joined) return add(graph, early, late);
  const index = product.inputs.length;
  product.inputs = [...product.inputs, early];
  if (output === 0) {
    product.attributes = { ...product.attributes, accumulate: index };
    product.inPlace = [index, product.inPlace[1]];
  } else product.inPlace = [product.inPlace[0], index];
  return late;
}

/** Whether a gradient comes with column sums that can be accumulated along with it. */
function isColumnSummed(graph: Graph, gradient: Tensor): boolean {
  const product = openProduct(graph, gradient);
  return product !== undefined && product.attributes.columnSums;
}
