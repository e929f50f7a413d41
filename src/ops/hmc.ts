/**
 * Hamiltonian Monte Carlo on U(x) = strength·l(x) + ½‖x‖² with momenta that are drawn anew in part (Neal 2011, §5.5.3; Horowitz
 * 1991), many chains at a time: chains are rows, l and its gradient come from elsewhere in the graph. With log w −= increment·l
 * before each transition it is a step of annealed importance sampling (Neal 2001). Formulas: shaders/hmc_*.wgsl.
 */
import { type ParamValue, kernelCall } from '../gpu/kernel.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { elementGroups } from './grid.ts';

/** Where chains are: x and g = ∂l/∂x, [rows, r], and l, [rows]. */
export interface ChainPlace {
  readonly positions: Tensor;
  readonly gradients: Tensor;
  readonly costs: Tensor;
}

/** Chains with their momenta, [rows, r], and the logarithms of their weights, [rows]: external memory, updated in place. */
export interface Chains extends ChainPlace {
  readonly momenta: Tensor;
  readonly weights: Tensor;
}

export interface Transition {
  /** ε of each group of chains, a row for each transition, [any, rows/group]; external memory. */
  readonly stepSizes: Tensor;
  /** The element of the table where the transition's row begins, and what its sizes are multiplied by. */
  readonly first: ParamValue;
  readonly scale: ParamValue;
  readonly leapfrogSteps: number;
  readonly strength: ParamValue;
  /** Normal numbers, [rows, r], and uniform ones in (0, 1], [rows]. */
  readonly noise: Tensor;
  readonly uniforms: Tensor;
  /** Of the momenta 1/(1 + rate·ε) is kept, ε of the row that begins at `first`; nothing where `anew` is 1. */
  readonly refreshment: { readonly first: ParamValue; readonly rate: number; readonly anew: ParamValue };
  /** w ← (fresh ? 0 : w) − increment·l, at the place before the transition. */
  readonly weighing: { readonly increment: ParamValue; readonly fresh: ParamValue };
}

/**
 * Weighs the chains and makes one transition, in place.
 * @param evaluate emits l and its gradient at positions [rows, r].
 * @returns the probability with which each chain took the end of its trajectory, and whether it did: [rows, 2].
 */
export function hmcTransition(
  graph: Graph,
  chains: Chains,
  evaluate: (positions: Tensor) => Omit<ChainPlace, 'positions'>,
  transition: Transition,
): Tensor {
  const { leapfrogSteps, strength, uniforms } = transition;
  const momenta = hmcRefresh(
    graph,
    chains.momenta,
    transition.noise,
    transition.stepSizes,
    transition.refreshment,
  );
  const before = { ...chains, momenta };
  let point: PhasePoint = before;
  let { costs, gradients }: Omit<ChainPlace, 'positions'> = chains;
  for (let step = 0; step < leapfrogSteps; step++) {
    point = hmcLeapfrog(graph, point, gradients, { ...transition, kick: step === 0 ? 0.5 : 1, drift: 1 });
    ({ costs, gradients } = evaluate(point.positions));
  }
  point = hmcLeapfrog(graph, point, gradients, { ...transition, kick: 0.5, drift: 0 });
  const after = { ...point, costs, gradients };
  const outcomes = hmcAccept(graph, before, after, uniforms, strength);
  hmcWeigh(graph, chains, costs, outcomes, transition.weighing);
  hmcSelect(graph, before, after, outcomes);
  return outcomes;
}

type Quad = readonly [Tensor, Tensor, Tensor, Tensor];

interface Refresh {
  readonly first: ParamValue;
  readonly rate: number;
  readonly anew: ParamValue;
}

const refreshOp: Op<Refresh> = {
  name: 'hmc-refresh',
  dispatch({ inputs, attributes }) {
    const [momenta, noise, step_sizes] = inputs as readonly [Tensor, Tensor, Tensor];
    const [rows, r] = momenta.shape as readonly [number, number];
    return [
      kernelCall({
        kernel: 'hmc_refresh',
        label: momenta.name,
        params: { rows, r, group: groupOf(momenta, step_sizes), ...attributes },
        bindings: { noise, step_sizes, momenta },
        workgroups: elementGroups(rows * r, 64),
        flops: 12 * rows * r,
        bytes: 12 * rows * r,
      }),
    ];
  },
};

/** p ← α·p + √(1 − α²)·noise, α = 1/(1 + rate·ε), or the noise itself where `anew` is 1; in place. */
export function hmcRefresh(
  graph: Graph,
  momenta: Tensor,
  noise: Tensor,
  stepSizes: Tensor,
  refreshment: Refresh,
): Tensor {
  const [refreshed] = graph.add(refreshOp, {
    inputs: [momenta, noise, stepSizes],
    outputs: [{ name: momenta.name, shape: momenta.shape }],
    attributes: refreshment,
    inPlace: [0],
  });
  return settled(graph, momenta, refreshed);
}

/** Chains in phase space: x and p, [rows, r]. */
export interface PhasePoint {
  readonly positions: Tensor;
  readonly momenta: Tensor;
}

interface Leapfrog {
  readonly first: ParamValue;
  readonly scale: ParamValue;
  readonly strength: ParamValue;
  readonly kick: number;
  readonly drift: number;
}

const leapfrogOp: Op<Leapfrog> = {
  name: 'hmc-leapfrog',
  dispatch({ inputs, outputs, attributes }) {
    const [positions, momenta, gradients, step_sizes] = inputs as Quad;
    const [moved, kicked] = outputs as readonly [Tensor, Tensor];
    const [rows, r] = positions.shape as readonly [number, number];
    return [
      kernelCall({
        kernel: 'hmc_leapfrog',
        label: moved.name,
        params: { rows, r, group: groupOf(positions, step_sizes), ...attributes },
        bindings: { positions, momenta, gradients, step_sizes, moved, kicked },
        workgroups: elementGroups(rows * r, 64),
        flops: 8 * rows * r,
        bytes: 20 * rows * r,
      }),
    ];
  },
};

/**
 * p′ = p − kick·ε·(x + strength·g), x′ = x + drift·ε·p′.
 * @param gradients g = ∂l/∂x, [rows, r].
 */
export function hmcLeapfrog(
  graph: Graph,
  { positions, momenta }: PhasePoint,
  gradients: Tensor,
  step: Leapfrog & { readonly stepSizes: Tensor },
): PhasePoint {
  const { shape } = positions;
  const { stepSizes, first, scale, strength, kick, drift } = step;
  const [moved, kicked] = graph.add(leapfrogOp, {
    inputs: [positions, momenta, gradients, stepSizes],
    outputs: [
      { name: 'hmc.positions', shape },
      { name: 'hmc.momenta', shape },
    ],
    attributes: { first, scale, strength, kick, drift },
  });
  return { positions: moved, momenta: kicked };
}

const acceptOp: Op<{ readonly strength: ParamValue }> = {
  name: 'hmc-accept',
  dispatch({ inputs, outputs, attributes: { strength } }) {
    const [positions, momenta, costs, moved] = inputs as Quad;
    const [kicked, reached, uniforms] = inputs.slice(4) as [Tensor, Tensor, Tensor];
    const [outcomes] = outputs as readonly [Tensor];
    const [rows, r] = positions.shape as readonly [number, number];
    return [
      kernelCall({
        kernel: 'hmc_accept',
        label: outcomes.name,
        params: { rows, r, strength },
        bindings: { positions, momenta, costs, moved, kicked, reached, uniforms, outcomes },
        workgroups: elementGroups(rows, 64),
        flops: 8 * rows * r,
        bytes: 16 * rows * r,
      }),
    ];
  },
};

/** A phase point and the cost there, l, [rows]. */
export interface PricedPoint extends PhasePoint {
  readonly costs: Tensor;
}

/**
 * The probability with which each chain takes the end of its trajectory, and whether it does: [rows, 2].
 * @param uniforms in (0, 1], [rows].
 */
export function hmcAccept(
  graph: Graph,
  before: PricedPoint,
  after: PricedPoint,
  uniforms: Tensor,
  strength: ParamValue,
): Tensor {
  const ends = [before, after].flatMap(({ positions, momenta, costs }) => [positions, momenta, costs]);
  return graph.add(acceptOp, {
    inputs: [...ends, uniforms],
    outputs: [{ name: 'hmc.outcomes', shape: [before.positions.shape[0] as number, 2] }],
    attributes: { strength },
  })[0];
}

interface Weighing {
  readonly increment: ParamValue;
  readonly fresh: ParamValue;
}

const weighOp: Op<Weighing> = {
  name: 'hmc-weigh',
  dispatch({ inputs, attributes }) {
    const [outcomes, reached, costs, weights] = inputs as Quad;
    const rows = sizeOf(costs.shape);
    return [
      kernelCall({
        kernel: 'hmc_weigh',
        label: weights.name,
        params: { rows, ...attributes },
        bindings: { outcomes, reached, costs, weights },
        workgroups: elementGroups(rows, 64),
        flops: 2 * rows,
        bytes: 24 * rows,
      }),
    ];
  },
};

/** w ← (fresh ? 0 : w) − increment·l, and then l ← l′ where the outcome says so; in place. @param reached l′, [rows]. */
export function hmcWeigh(
  graph: Graph,
  { costs, weights }: Pick<Chains, 'costs' | 'weights'>,
  reached: Tensor,
  outcomes: Tensor,
  weighing: Weighing,
): void {
  const [updated] = graph.add(weighOp, {
    inputs: [outcomes, reached, costs, weights],
    outputs: [{ name: weights.name, shape: weights.shape }],
    attributes: weighing,
    inPlace: [3],
  });
  settled(graph, weights, updated);
}

const selectOp: Op<object> = {
  name: 'hmc-select',
  dispatch({ inputs }) {
    const [outcomes, moved, kicked, sloped] = inputs as Quad;
    const [positions, momenta, gradients] = inputs.slice(4) as [Tensor, Tensor, Tensor];
    const [rows, r] = positions.shape as readonly [number, number];
    return [
      kernelCall({
        kernel: 'hmc_select',
        label: positions.name,
        params: { rows, r },
        bindings: { outcomes, moved, kicked, sloped, positions, momenta, gradients },
        workgroups: elementGroups(rows * r, 64),
        flops: 0,
        bytes: 36 * rows * r,
      }),
    ];
  },
};

/** Chains at a place with momenta: x, p and g, [rows, r]. */
type Moving = PhasePoint & Pick<ChainPlace, 'gradients'>;

/** To the end of the trajectory, `after`, where the outcome says so, else turned round: in place. */
export function hmcSelect(graph: Graph, before: Moving, after: Moving, outcomes: Tensor): void {
  const placesOf = ({ positions, momenta, gradients }: Moving): Tensor[] => [positions, momenta, gradients];
  const { positions } = before;
  const [updated] = graph.add(selectOp, {
    inputs: [outcomes, ...placesOf(after), ...placesOf(before)],
    outputs: [{ name: positions.name, shape: positions.shape }],
    attributes: {},
    inPlace: [4],
  });
  settled(graph, positions, updated);
}

interface Adaptation {
  readonly first: ParamValue;
  /** How far log ε goes for each unit of acceptance; 0 leaves the step sizes alone. */
  readonly gain: number;
  readonly wanted: number;
  readonly least: number;
  readonly most: number;
}

const adaptOp: Op<Adaptation> = {
  name: 'hmc-adapt',
  dispatch({ inputs, attributes }) {
    const [outcomes, rates, step_sizes] = inputs as readonly [Tensor, Tensor, Tensor];
    const groups = rates.shape[1] as number;
    const group = groupOf(outcomes, rates);
    return [
      kernelCall({
        kernel: 'hmc_adapt',
        label: rates.name,
        params: { groups, group, ...attributes },
        bindings: { outcomes, rates, step_sizes },
        workgroups: elementGroups(groups, 64),
        flops: groups * (group + 8),
        bytes: 8 * groups * (group + 2),
      }),
    ];
  },
};

/**
 * Writes the mean acceptance of each group of chains to its row of `rates`, [any, groups], and with a gain the step sizes of the
 * next transition to the next row of `stepSizes`; both external memory.
 */
export function hmcAdapt(
  graph: Graph,
  outcomes: Tensor,
  { rates, stepSizes }: { readonly rates: Tensor; readonly stepSizes: Tensor },
  adaptation: Adaptation,
): void {
  const [updated] = graph.add(adaptOp, {
    inputs: [outcomes, rates, stepSizes],
    outputs: [{ name: rates.name, shape: rates.shape }],
    attributes: adaptation,
    inPlace: [1],
  });
  settled(graph, rates, updated);
}

/** Chains in a group: rows for each column of a table, [any, groups]. */
function groupOf(chains: Tensor, table: Tensor): number {
  return (chains.shape[0] as number) / (table.shape[1] as number);
}

/** An update in place of external memory is wanted whether or not anything reads what this returns. */
function settled(graph: Graph, before: Tensor, after: Tensor): Tensor {
  const place = graph.placeOf(before);
  if (!place) throw new Error(`hmc: ${before.name} must be external memory`);
  graph.place(after, place);
  return after;
}
