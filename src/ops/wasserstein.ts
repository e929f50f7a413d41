/**
 * The Wasserstein objective of one critic, J = mean D(y) − mean D(ŷ) − weight·mean penalty, its scalars in the layout of the
 * entropic objective, and its gradients with respect to the critic's values. Formulas: shaders/wasserstein.wgsl.
 */
import { kernelCall } from '../gpu/kernel.ts';
import type { Graph, Op, Tensor } from '../graph/graph.ts';
import { OBJECTIVE_SCALARS } from './entropic-objective.ts';

interface Attributes {
  readonly sign: number;
  /** What the mean of the penalties is multiplied by; absent where there are none. */
  readonly weight: number | undefined;
}

const wassersteinOp: Op<Attributes> = {
  name: 'wasserstein',
  dispatch({ inputs, outputs, attributes: { sign, weight } }) {
    const [critic_real, critic_fake, guard, penalties] = inputs as readonly [
      Tensor,
      Tensor,
      Tensor,
      Tensor | undefined,
    ];
    const [scalars, grad_critic_real, grad_critic_fake] = outputs as readonly [Tensor, Tensor, Tensor];
    const n = critic_real.shape[0] as number;
    const m = critic_fake.shape[0] as number;
    const k = penalties?.shape[0] ?? 0;
    return [
      kernelCall({
        kernel: 'wasserstein',
        label: scalars.name,
        params: { n, m, k, weight: weight ?? 0, sign },
        bindings: {
          critic_real,
          critic_fake,
          penalties: penalties ?? critic_real, // WebGPU wants every binding bound; the override keeps it from being read
          guard,
          scalars,
          grad_critic_real,
          grad_critic_fake,
        },
        overrides: { HAS_PENALTY: Number(penalties !== undefined) },
        workgroups: [1, 1, 1],
        flops: 2 * (n + m + k),
        bytes: 8 * (n + m) + 4 * k,
      }),
    ];
  },
};

export interface Wasserstein {
  /** D(y), n values. */
  readonly criticReal: Tensor;
  /** D(ŷ), m values. */
  readonly criticFake: Tensor;
  /** Values whose mean, times the weight, J is less by. */
  readonly penalty?: { readonly values: Tensor; readonly weight: number };
  /** 1 for the gradients of J, −1 for those of a loss −J. */
  readonly sign: number;
  /** See `guard.ts`: while its fault is up, the scalars say `finite: false`, and so stop every update. */
  readonly guard: Tensor;
}

/** J as scalars (`SCALAR_INDEX`; those of a coupling are 0), and sign·∂J/∂D, shaped as the critic's outputs. */
export function wasserstein(
  graph: Graph,
  { criticReal, criticFake, penalty, sign, guard }: Wasserstein,
): { scalars: Tensor; gradCriticReal: Tensor; gradCriticFake: Tensor } {
  const [scalars, gradCriticReal, gradCriticFake] = graph.add(wassersteinOp, {
    inputs: [criticReal, criticFake, guard, ...(penalty ? [penalty.values] : [])],
    outputs: [
      { name: 'wasserstein', shape: [OBJECTIVE_SCALARS] },
      { name: 'wasserstein.d(real)', shape: criticReal.shape },
      { name: 'wasserstein.d(fake)', shape: criticFake.shape },
    ],
    attributes: { sign, weight: penalty?.weight },
  });
  return { scalars, gradCriticReal, gradCriticFake };
}
