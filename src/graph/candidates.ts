/** Which of its candidates a node runs: the one that the target has on record for the node's key, else the first. */
import type { Target } from '../gpu/target.ts';
import type { Candidates, Graph, Node } from './graph.ts';
import { liveNodes } from './schedule.ts';

/** The name of the candidate that runs. */
export function chosenName({ key, variants }: Candidates, target: Target): string {
  const recorded = target.variants?.[key];
  return recorded !== undefined && variants.has(recorded)
    ? recorded
    : (variants.keys().next().value as string);
}

/** The candidate that runs. */
export function chosen<V>(candidates: Candidates<V>, target: Target): V {
  return candidates.variants.get(chosenName(candidates, target)) as V;
}

/** A node that stands for all with its key, and its candidates. */
export interface Shape {
  readonly node: Node;
  readonly candidates: Candidates;
}

/** The distinct keys among the nodes that graphs run. */
export function shapesOf(graphs: readonly Graph[], target: Target): Shape[] {
  const found = new Map<string, Shape>();
  for (const node of graphs.flatMap((graph) => liveNodes(graph))) {
    const candidates = node.op.candidates?.(node, target);
    if (candidates && !found.has(candidates.key)) found.set(candidates.key, { node, candidates });
  }
  return [...found.values()];
}

/** What graphs run on a target: for each key the name of the candidate, in the keys' order. */
export function choicesOf(graphs: readonly Graph[], target: Target): Record<string, string> {
  return Object.fromEntries(
    shapesOf(graphs, target)
      .map(({ candidates }) => [candidates.key, chosenName(candidates, target)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
