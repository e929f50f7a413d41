/**
 * A computation as a list of nodes over tensors, before memory and kernels are chosen. Nodes are kept in an order in
 * which they can run. Nothing here touches WebGPU.
 */
import type { AnyKernelCall } from '../gpu/kernel.ts';
import type { Target } from '../gpu/target.ts';

/** A value in a graph: row-major, 4 bytes an element. Identity is the object itself. */
export interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: 'f32' | 'u32';
}

/** A buffer that somebody else owns, by name, and a byte offset in it (a multiple of 256). */
export interface Place {
  readonly buffer: string;
  readonly offset: number;
}

export interface Node<A = unknown> {
  readonly op: Op<A>;
  inputs: readonly Tensor[];
  outputs: readonly Tensor[];
  attributes: A;
  /** For each output that takes over the memory of an input, that input's index. */
  inPlace: readonly (number | undefined)[];
}

/** The kernels that a node can run on a target, by name; the first is the one that runs where nothing else is chosen. */
export interface Candidates<V = unknown> {
  /** What their speed depends on, in words: nodes with the same key share a choice. */
  readonly key: string;
  readonly variants: ReadonlyMap<string, V>;
}

/**
 * One operation: how it becomes dispatches, and how gradients pass through it.
 * The derivative gets dL/d(output) for each output (undefined where it does not matter) and emits nodes for
 * dL/d(input), undefined where an input has none.
 */
export interface Op<A> {
  readonly name: string;
  /** Its attributes include an epilogue, into which backward passes fold what follows (ops/product.ts). */
  readonly isProduct?: true;
  readonly dispatch: (node: Node<A>, target: Target) => readonly AnyKernelCall<Tensor>[];
  /** Where there are several ways: those among which `dispatch` chooses (candidates.ts). */
  readonly candidates?: (node: Node<A>, target: Target) => Candidates;
  readonly derivative?: (
    graph: Graph,
    node: Node<A>,
    outputGradients: readonly (Tensor | undefined)[],
    wanted: readonly boolean[],
  ) => readonly (Tensor | undefined)[];
}

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

export class Graph {
  readonly nodes: Node[] = [];
  readonly #producers = new Map<Tensor, Node>();
  readonly #places = new Map<Tensor, Place>();
  readonly #kept = new Set<Tensor>();

  /** A tensor whose memory is somebody else's: an input, a parameter, a state. */
  external(name: string, shape: readonly number[], place: Place, type: 'f32' | 'u32' = 'f32'): Tensor {
    const tensor: Tensor = { name, shape, type };
    this.#places.set(tensor, place);
    return tensor;
  }

  /** Appends a node and returns its outputs. */
  add<A, const O extends readonly { name: string; shape: readonly number[]; type?: 'f32' | 'u32' }[]>(
    op: Op<A>,
    node: {
      inputs: readonly Tensor[];
      outputs: O;
      attributes: NoInfer<A>;
      inPlace?: readonly (number | undefined)[];
    },
  ): { [I in keyof O]: Tensor } {
    const outputs = node.outputs.map(({ name, shape, type = 'f32' }): Tensor => ({ name, shape, type }));
    const added: Node<A> = {
      op,
      inputs: node.inputs,
      outputs,
      attributes: node.attributes,
      inPlace: node.inPlace ?? [],
    };
    this.nodes.push(added as Node);
    for (const output of outputs) this.#producers.set(output, added as Node);
    return outputs as unknown as { [I in keyof O]: Tensor };
  }

  producer(tensor: Tensor): Node | undefined {
    return this.#producers.get(tensor);
  }

  /** Says that a tensor has more uses than the node in hand sees: it may not be fused into or overwritten. */
  keep(tensor: Tensor): void {
    this.#kept.add(tensor);
  }

  isKept(tensor: Tensor): boolean {
    return this.#kept.has(tensor);
  }

  /** Puts a node's output into somebody else's memory. */
  place(tensor: Tensor, place: Place): void {
    this.#places.set(tensor, place);
  }

  placeOf(tensor: Tensor): Place | undefined {
    return this.#places.get(tensor);
  }
}
