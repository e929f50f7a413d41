/**
 * The parts of a transition of Hamiltonian Monte Carlo on U(x) = strength·l(x) + ½‖x‖² (Neal 2011): leapfrog steps, acceptance,
 * the choice between a chain's old and new place, and the step size's way to a wanted acceptance. Chains are rows; costs and
 * gradients come from elsewhere in the graph. Formulas: shaders/hmc_*.wgsl.
 */
import { type ParamValue, kernelCall } from '../gpu/kernel.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { elementGroups } from './grid.ts';

/** Chains in phase space: x and p, [rows, r]. */
export interface PhasePoint {
  readonly positions: Tensor;
  readonly momenta: Tensor;
}

/** Where a transition takes its step sizes from. */
export interface StepSizes {
  /** [any, rows/group], a row for each transition. */
  readonly sizes: Tensor;
  /** The element of the table at which the transition's row begins. */
  readonly first: ParamValue;
  /** What the sizes are multiplied by. */
  readonly scale: ParamValue;
}

interface Leapfrog {
  readonly group: number;
  readonly first: ParamValue;
  readonly scale: ParamValue;
  readonly strength: ParamValue;
  readonly kick: number;
  readonly drift: number;
}

const leapfrogOp: Op<Leapfrog> = {
  name: 'hmc-leapfrog',
  dispatch({ inputs, outputs, attributes }) {
    const [positions, momenta, gradients, step_sizes] = inputs as readonly [Tensor, Tensor, Tensor, Tensor];
    const [moved, kicked] = outputs as readonly [Tensor, Tensor];
    const [rows, r] = positions.shape as readonly [number, number];
    return [
      kernelCall({
        kernel: 'hmc_leapfrog',
        label: moved.name,
        params: { rows, r, ...attributes },
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
  { sizes, first, scale }: StepSizes,
  { strength, kick, drift }: { readonly strength: ParamValue; readonly kick: number; readonly drift: number },
): PhasePoint {
  const { shape } = positions;
  const group = (shape[0] as number) / (sizes.shape[1] as number);
  const [moved, kicked] = graph.add(leapfrogOp, {
    inputs: [positions, momenta, gradients, sizes],
    outputs: [
      { name: 'hmc.positions', shape },
      { name: 'hmc.momenta', shape },
    ],
    attributes: { group, first, scale, strength, kick, drift },
  });
  return { positions: moved, momenta: kicked };
}

const acceptOp: Op<{ readonly strength: ParamValue }> = {
  name: 'hmc-accept',
  dispatch({ inputs, outputs, attributes: { strength } }) {
    const [positions, momenta, costs, moved, kicked, reached, uniforms] = inputs as readonly [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
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
  return graph.add(acceptOp, {
    inputs: [
      before.positions,
      before.momenta,
      before.costs,
      after.positions,
      after.momenta,
      after.costs,
      uniforms,
    ],
    outputs: [{ name: 'hmc.outcomes', shape: [before.positions.shape[0] as number, 2] }],
    attributes: { strength },
  })[0];
}

/** Where chains are: x and ∂l/∂x, [rows, r], and l, [rows]. */
export interface ChainPlace {
  readonly positions: Tensor;
  readonly gradients: Tensor;
  readonly costs: Tensor;
}

/** Chains and the logarithms of their weights, [rows]: external memory, updated in place. */
export interface Chains extends ChainPlace {
  readonly weights: Tensor;
}

interface Select {
  readonly increment: ParamValue;
  readonly fresh: ParamValue;
}

const selectOp: Op<Select> = {
  name: 'hmc-select',
  dispatch({ inputs, attributes }) {
    const [outcomes, moved, sloped, reached, positions, gradients, costs, weights] = inputs as readonly [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const [rows, r] = positions.shape as readonly [number, number];
    return [
      kernelCall({
        kernel: 'hmc_select',
        label: positions.name,
        params: { rows, r, ...attributes },
        bindings: { outcomes, moved, sloped, reached, positions, gradients, costs, weights },
        workgroups: elementGroups(rows * r, 64),
        flops: 2 * rows,
        bytes: 16 * rows * r + 20 * rows,
      }),
    ];
  },
};

/** w ← (fresh ? 0 : w) − increment·l, and then to the place `after` where the outcome says so; all in place. */
export function hmcSelect(
  graph: Graph,
  chains: Chains,
  after: ChainPlace,
  outcomes: Tensor,
  weighing: Select,
): void {
  const { positions, gradients, costs, weights } = chains;
  const [updated] = graph.add(selectOp, {
    inputs: [outcomes, after.positions, after.gradients, after.costs, positions, gradients, costs, weights],
    outputs: [{ name: positions.name, shape: positions.shape }],
    attributes: weighing,
    inPlace: [4],
  });
  settle(graph, positions, updated);
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
    const group = (outcomes.shape[0] as number) / groups;
    return [
      kernelCall({
        kernel: 'hmc_adapt',
        label: rates.name,
        params: { groups, group, ...attributes },
        bindings: { outcomes, rates, step_sizes },
        workgroups: elementGroups(groups, 64),
        flops: groups * (group + 8),
        bytes: 4 * sizeOf(outcomes.shape) + 16 * groups,
      }),
    ];
  },
};

/**
 * Writes the mean acceptance of each group of chains to its row of `rates`, [any, groups], and with a gain the step sizes of the
 * next transition to the next row of `sizes`; both external memory.
 */
export function hmcAdapt(
  graph: Graph,
  outcomes: Tensor,
  { rates, sizes }: { readonly rates: Tensor; readonly sizes: Tensor },
  adaptation: Adaptation,
): void {
  const [updated] = graph.add(adaptOp, {
    inputs: [outcomes, rates, sizes],
    outputs: [{ name: rates.name, shape: rates.shape }],
    attributes: adaptation,
    inPlace: [1],
  });
  settle(graph, rates, updated);
}

/** An update in place is wanted whether or not anything reads what this returns: its memory is external. */
function settle(graph: Graph, before: Tensor, after: Tensor): void {
  const place = graph.placeOf(before);
  if (!place) throw new Error(`hmc: ${before.name} must be external memory`);
  graph.place(after, place);
}
