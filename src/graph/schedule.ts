/** Turns a graph into a Recording: chooses kernels for the target, and one slot of memory for each tensor. */
import type { AnyKernelCall } from '../gpu/kernel.ts';
import type { Recording, Slot } from '../gpu/recording.ts';
import type { Target } from '../gpu/target.ts';
import { type Graph, type Node, type Tensor, sizeOf } from './graph.ts';

export interface Schedule {
  readonly recording: Recording;
  /** The memory of a tensor that some dispatch uses. */
  readonly slot: (tensor: Tensor) => Slot;
}

/**
 * Schedules the nodes that the kept tensors and the external memory depend on.
 * @param kept temporaries whose values are wanted after the run.
 */
export function schedule(graph: Graph, target: Target, kept: readonly Tensor[] = []): Schedule {
  const owner = new Map<Tensor, Tensor>(); // tensors that share memory with another one
  const root = (tensor: Tensor): Tensor => {
    let found = tensor;
    for (let next = owner.get(found); next; next = owner.get(found)) found = next;
    return found;
  };
  const live = liveNodes(graph, kept);
  const places = new Map<Tensor, Slot['external']>();
  for (const node of live) {
    node.inPlace.forEach((input, output) => {
      if (input !== undefined) owner.set(node.outputs[output] as Tensor, root(node.inputs[input] as Tensor));
    });
  }
  for (const node of live) {
    for (const tensor of [...node.inputs, ...node.outputs]) {
      const place = graph.placeOf(tensor);
      if (place) places.set(root(tensor), place);
    }
  }
  const slots = new Map<Tensor, Slot>();
  const slot = (tensor: Tensor): Slot => {
    const key = root(tensor);
    let found = slots.get(key);
    if (!found) {
      const external = places.get(key) ?? graph.placeOf(key);
      found = { label: key.name, bytes: sizeOf(key.shape) * 4, ...(external ? { external } : {}) };
      slots.set(key, found);
    }
    return found;
  };
  const dispatches: AnyKernelCall<Slot>[] = [];
  for (const node of live) {
    for (const call of node.op.dispatch(node, target)) {
      const bindings: Record<string, Slot> = {};
      for (const [name, tensor] of Object.entries(call.bindings)) bindings[name] = slot(tensor);
      dispatches.push({ ...call, bindings });
    }
  }
  return { recording: { dispatches, kept: kept.map(slot) }, slot };
}

/** Nodes whose results reach a kept tensor or external memory, in running order. */
export function liveNodes(graph: Graph, kept: readonly Tensor[] = []): Node[] {
  const wanted = new Set<Tensor>(kept);
  const live: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    const used = node.outputs.some((output) => wanted.has(output) || graph.placeOf(output) !== undefined);
    if (!used) continue;
    live.push(node);
    for (const input of node.inputs) wanted.add(input);
  }
  return live.reverse();
}
