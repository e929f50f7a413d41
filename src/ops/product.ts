/**
 * What matrix products and convolutions have in common: an epilogue on the way to memory,
 *   out = act( (old out + product + bias) ⊙ act'(gate) ),
 * into which a backward pass folds activation gradients and sums, and, for products that are weight gradients, the
 * column sums of the second factor, which are the bias gradient.
 */
import type { Graph, Node, Tensor } from '../graph/graph.ts';
import { type ActivationKind, activationNumber } from './activation-kinds.ts';
import { activationGradient } from './activation.ts';
import { add } from './add.ts';

/** The epilogue of a node whose op has `isProduct`. */
export interface Product {
  readonly activation: ActivationKind;
  readonly slope: number;
  /** Index among the node's inputs of each optional one, -1 where absent. */
  readonly bias: number;
  readonly gate: number;
  readonly gateActivation: ActivationKind;
  readonly gateSlope: number;
  /** Input whose memory and values the product is added to. */
  readonly accumulate: number;
  /** Whether the second output holds column sums. */
  readonly columnSums: boolean;
  /** Whether the kernel can multiply by an activation's derivative. */
  readonly gates: boolean;
}

export interface ProductOptions {
  /** One value a column, added to each row. */
  readonly bias?: Tensor;
  readonly activation?: ActivationKind;
  /** Slope of a leaky ReLU below zero. Default 0.2. */
  readonly slope?: number;
  readonly name?: string;
}

/** The epilogue that a product begins with; `inputs` are the node's before the bias. */
export function productOf(
  inputs: readonly Tensor[],
  { bias, activation = 'linear', slope = 0.2 }: ProductOptions,
  { columnSums = false, gates = true }: { columnSums?: boolean; gates?: boolean } = {},
): { inputs: readonly Tensor[]; epilogue: Product } {
  return {
    inputs: bias ? [...inputs, bias] : inputs,
    epilogue: {
      activation,
      slope,
      bias: bias ? inputs.length : -1,
      gate: -1,
      gateActivation: 'linear',
      gateSlope: 0,
      accumulate: -1,
      columnSums,
      gates,
    },
  };
}

/** What the tiles of products have four factors as: float32, or f16. */
export function storedConstants(halves: boolean): { readonly Stored?: string } {
  return halves ? { Stored: 'vec4h' } : {};
}

/** The epilogue's part of a kernel call. Absent inputs are bound to `otherwise`: the overrides keep them from being read. */
export function epilogueCall(inputs: readonly Tensor[], at: Product, otherwise: Tensor) {
  const input = (index: number): Tensor => (index < 0 ? otherwise : (inputs[index] as Tensor));
  return {
    params: { activation_slope: at.slope, gate_slope: at.gateSlope },
    bindings: { bias: input(at.bias), gate: input(at.gate) },
    overrides: {
      HAS_BIAS: Number(at.bias >= 0),
      ACCUMULATE: Number(at.accumulate >= 0),
      GATE: activationNumber(at.gate < 0 ? 'linear' : at.gateActivation),
    },
  };
}

/**
 * dL/d(sum before the activation) of a product, from dL/d(out).
 * @throws Error where the product already belongs to a backward pass.
 */
export function sumGradient<A extends Product>(
  graph: Graph,
  node: Node<A>,
  outGradient: Tensor | undefined,
): Tensor {
  const { gate, accumulate, columnSums, activation, slope } = node.attributes;
  const out = node.outputs[0] as Tensor;
  if (!outGradient || gate >= 0 || accumulate >= 0 || columnSums)
    throw new Error(
      `${node.op.name}: ${out.name} is already part of a backward pass; its derivative is not defined`,
    );
  return gated(graph, outGradient, out, activation, slope);
}

/** The node that a gradient comes from, if it is a product whose epilogue is still free for what follows. */
function openProduct(graph: Graph, gradient: Tensor): Node<Product> | undefined {
  const node = graph.producer(gradient);
  if (!node?.op.isProduct || graph.isKept(gradient)) return undefined;
  const found = node as Node<Product>;
  const { gate, activation, bias } = found.attributes;
  return gate < 0 && bias < 0 && activation === 'linear' ? found : undefined;
}

/** dy ⊙ act'(y): in the epilogue of the product that makes dy, where there is one and dy has no other use. */
function gated(graph: Graph, dy: Tensor, y: Tensor, kind: ActivationKind, slope: number): Tensor {
  if (kind === 'linear') return dy;
  const product = openProduct(graph, dy);
  if (!product?.attributes.gates || product.attributes.columnSums)
    return activationGradient(graph, dy, y, kind, slope);
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
