/**
 * The importance-weighted bound of observations, log mean_k exp s_k with s_k = −l_k/λ + log f_X(x_k) − log q(x_k), and the
 * gradient of the loss −mean bound by the doubly reparameterised estimator: the loss falls along
 *   −(1/n) Σ_k w_k² ∂s_k/∂x_k, w = softmax(s), log q held where it depends on the proposal itself.
 * Its expectation is that of the gradient of the bound, its variance goes to 0 as the proposals become the posteriors.
 * Formulas: shaders/importance_bound.wgsl and shaders/importance_bound_gradient.wgsl.
 */
import { type ParamValue, kernelCall } from '../gpu/kernel.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { OBJECTIVE_SCALARS, SCALAR_INDEX } from './entropic-objective.ts';
import { elementGroups } from './grid.ts';

interface Attributes {
  readonly group: number;
  readonly lambda: number;
  readonly simulated: number;
  readonly restart: ParamValue;
}

const importanceBoundOp: Op<Attributes> = {
  name: 'importance-bound',
  dispatch({ inputs, outputs, attributes: { group, lambda, simulated, restart } }) {
    const [cost, latents, log_q, proposals, noise, , guard] = inputs as readonly [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const [bound, ess, grad_cost, grad_latents, scalars] = outputs as readonly [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const [rows, r] = latents.shape as readonly [number, number];
    const n = rows / group;
    return [
      kernelCall({
        kernel: 'importance_bound',
        label: bound.name,
        params: { n, group, r, lambda },
        bindings: { cost, latents, log_q, bound, ess, grad_cost },
        workgroups: elementGroups(n, 64),
        flops: rows * (2 * r + 12),
        bytes: 4 * rows * (r + 7),
      }),
      kernelCall({
        kernel: 'importance_bound_gradient',
        label: grad_latents.name,
        params: { rows, group, r, lambda },
        bindings: { proposals: proposals, noise: noise, latents: latents, grad_cost, grad_latents },
        workgroups: elementGroups(rows, 64),
        flops: rows * r * (r + 4),
        bytes: 4 * rows * r * (r + 4),
      }),
      kernelCall({
        kernel: 'importance_bound_scalars',
        label: scalars.name,
        params: { n, simulated, restart },
        bindings: { bound, ess, guard, scalars },
        overrides: { FINITE_AT: SCALAR_INDEX.finite },
        workgroups: [1, 1, 1],
        flops: 3 * n,
        bytes: 8 * n,
      }),
    ];
  },
};

export interface ImportanceBound {
  /** l(y, G(x_k)), [n·K], K rows for each observation. */
  readonly cost: Tensor;
  /** x_k, [n·K, r], log q(x_k), [n·K], and what `gaussianProposal` drew them from. */
  readonly latents: Tensor;
  readonly logQ: Tensor;
  readonly proposals: Tensor;
  readonly noise: Tensor;
  /** λ of the noise, in units of the cost. */
  readonly lambda: number;
  /** How many of the last observations are the model's own samples: their bounds are summed apart. */
  readonly simulated: number;
  /** [OBJECTIVE_SCALARS], external memory, added to in place; see `decodeImportanceScalars`. */
  readonly scalars: Tensor;
  /** 1 to begin the sums of the scalars anew with this batch, 0 to add to them. */
  readonly restart: ParamValue;
  /** See `guard.ts`: while its fault is up, the scalars say that not all is finite, and so stop every update. */
  readonly guard: Tensor;
}

/**
 * The bounds without log C, [n], the effective number of latents of each, [n], and the gradients of −mean bound with respect to
 * `cost` and, directly, to `latents`: backward passes begin with these two.
 */
export function importanceBound(
  graph: Graph,
  { cost, latents, logQ, proposals, noise, scalars, guard, ...rest }: ImportanceBound,
): { bound: Tensor; ess: Tensor; gradCost: Tensor; gradLatents: Tensor; scalars: Tensor } {
  const n = proposals.shape[0] as number;
  const [bound, ess, gradCost, gradLatents, summed] = graph.add(importanceBoundOp, {
    inputs: [cost, latents, logQ, proposals, noise, scalars, guard],
    outputs: [
      { name: 'bound', shape: [n] },
      { name: 'bound.ess', shape: [n] },
      { name: `bound.d(${cost.name})`, shape: cost.shape },
      { name: `bound.d(${latents.name})`, shape: latents.shape },
      { name: scalars.name, shape: scalars.shape },
    ],
    attributes: { ...rest, group: sizeOf(cost.shape) / n },
    inPlace: [undefined, undefined, undefined, undefined, 5],
  });
  return { bound, ess, gradCost, gradLatents, scalars: summed };
}

/** Means over the batches since the last restart. */
export interface ImportanceScalars {
  /** Without log C, in nats: of the data, and of the model's own samples; NaN where a batch has none of them. */
  readonly bound: number;
  readonly simulatedBound: number;
  /** 1/Σw², from 1 to K. */
  readonly ess: number;
  /** Whether the last batch is all finite numbers, and no fault was up. */
  readonly finite: boolean;
}

/** Reads the scalars of batches of n observations. */
export function decodeImportanceScalars(
  scalars: Float32Array,
  { n, simulated }: { readonly n: number; readonly simulated: number },
): ImportanceScalars {
  const [bound, simulatedBound, ess, batches] = scalars.subarray(0, 4) as unknown as [
    number,
    number,
    number,
    number,
  ];
  return {
    bound: simulated < n ? bound / batches : Number.NaN,
    simulatedBound: simulated > 0 ? simulatedBound / batches : Number.NaN,
    ess: ess / batches,
    finite: scalars[SCALAR_INDEX.finite] === 1,
  };
}

/** Floats of the scalars tensor, which optimisers read. */
export const IMPORTANCE_SCALARS = OBJECTIVE_SCALARS;
