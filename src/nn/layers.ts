/**
 * Networks as lists of layers, in plain data: what users write, what a model file holds, and what is applied to tensors.
 * Parameters of one network lie in one flat buffer, each tensor on a 256-byte boundary.
 */
import { UserError } from '../gpu/errors.ts';
import type { Graph, Tensor } from '../graph/graph.ts';
import { sizeOf } from '../graph/graph.ts';
import { ACTIVATIONS, type ActivationKind } from '../ops/activation-kinds.ts';
import { matmul } from '../ops/matmul.ts';

/** x·W + b, then an activation: [batch, inputs] → [batch, units]. */
export interface DenseLayer {
  readonly kind: 'dense';
  readonly units: number;
  /** Default `linear`. */
  readonly activation?: ActivationKind;
  /** Of leaky ReLU below zero. Default 0.2. */
  readonly slope?: number;
  /** Default true. */
  readonly bias?: boolean;
}

export type Layer = DenseLayer;

/** One parameter tensor of a network. */
export interface Parameter {
  /** `trunk.0.weight` and the like. */
  readonly name: string;
  readonly shape: readonly number[];
  /** In bytes from the start of the network's flat buffer. */
  readonly offset: number;
  readonly fanIn: number;
  readonly fanOut: number;
}

/** The parameters of a network and the size of the flat buffer that holds them. */
export interface ParameterLayout {
  readonly parameters: readonly Parameter[];
  readonly bytes: number;
}

/** A stack of layers with its place in the layout: `prefix.i.weight`, `prefix.i.bias`. */
export interface Stack {
  readonly prefix: string;
  readonly inputs: number;
  readonly layers: readonly Layer[];
}

const ALIGNMENT = 256;

/** Size of what a list of layers gives for one sample. */
export function outputsOf(inputs: number, layers: readonly Layer[]): number {
  return layers.at(-1)?.units ?? inputs;
}

/** Lays out the parameters of stacks in one flat buffer. @throws UserError naming a layer that cannot be. */
export function layOutParameters(stacks: readonly Stack[]): ParameterLayout {
  const parameters: Parameter[] = [];
  let offset = 0;
  const place = (name: string, shape: readonly number[], fanIn: number, fanOut: number): void => {
    parameters.push({ name, shape, offset, fanIn, fanOut });
    offset += Math.ceil((sizeOf(shape) * 4) / ALIGNMENT) * ALIGNMENT;
  };
  for (const { prefix, inputs, layers } of stacks) {
    let width = inputs;
    layers.forEach((layer, i) => {
      checkLayer(`${prefix}.${i}`, layer);
      place(`${prefix}.${i}.weight`, [width, layer.units], width, layer.units);
      if (layer.bias !== false) place(`${prefix}.${i}.bias`, [layer.units], width, layer.units);
      width = layer.units;
    });
  }
  return { parameters, bytes: Math.max(ALIGNMENT, offset) };
}

function checkLayer(name: string, layer: Layer): void {
  if (layer.kind !== 'dense')
    throw new UserError(
      `layer ${name}: unknown kind ${JSON.stringify((layer as Layer).kind)}; known: "dense"`,
    );
  if (!Number.isInteger(layer.units) || layer.units < 1)
    throw new UserError(`layer ${name}: units is ${layer.units}; must be a whole number of 1 or more`);
  if (layer.activation !== undefined && !ACTIVATIONS.includes(layer.activation))
    throw new UserError(
      `layer ${name}: unknown activation ${JSON.stringify(layer.activation)}; known: ${ACTIVATIONS.join(', ')}`,
    );
}

/** The parameter tensors of a layout over the buffer of that name. */
export function parameterTensors(graph: Graph, layout: ParameterLayout, buffer: string): Map<string, Tensor> {
  return new Map(
    layout.parameters.map((p) => [
      p.name,
      graph.external(`${buffer}.${p.name}`, p.shape, { buffer, offset: p.offset }),
    ]),
  );
}

/** Applies a stack to x: [batch, inputs] → [batch, outputs]. */
export function applyStack(
  graph: Graph,
  stack: Stack,
  parameters: ReadonlyMap<string, Tensor>,
  x: Tensor,
): Tensor {
  return stack.layers.reduce((input, layer, i) => {
    const name = `${stack.prefix}.${i}`;
    const weight = parameters.get(`${name}.weight`);
    const bias = parameters.get(`${name}.bias`);
    if (!weight) throw new Error(`layers: ${name}.weight is not in the layout`);
    return matmul(graph, input, weight, {
      ...(bias ? { bias } : {}),
      activation: layer.activation ?? 'linear',
      slope: layer.slope ?? 0.2,
      name: `${name}(${x.name})`,
    });
  }, x);
}
