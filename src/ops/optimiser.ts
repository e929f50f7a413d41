/**
 * One optimiser step on the flat parameters of a network: one dispatch, two where the gradient's norm has to be known
 * first, for clipping or to see an overflow. The update is predicated on the GPU, and the count of updates lives there.
 */
import { type AnyKernelCall, type ParamValue, kernelCall } from '../gpu/kernel.ts';
import type { Graph, Op, Tensor } from '../graph/graph.ts';
import { SCALAR_INDEX } from './entropic-objective.ts';

/** What the update depends on; see `nn/optimisers.ts` for the meaning of each. */
export interface OptimiserChoice {
  readonly kind: 'adam' | 'adamw' | 'rmsprop' | 'sgd';
  readonly rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  readonly decay: number;
  readonly momentum: number;
  readonly clipNorm: number;
  readonly weightBound: number;
}

export interface OptimiserTensors {
  /** [size], a multiple of 4, updated in place; must be external memory, as must all that is updated. */
  readonly parameters: Tensor;
  readonly gradients: Tensor;
  readonly moments: Tensor;
  /** Updates so far, one copy an invocation. */
  readonly count: Tensor;
  /** See `guard.ts`; the objective of the next step has to see it too. */
  readonly guard: Tensor;
  /** Scalars of the objective that the gradients came from. */
  readonly scalars: Tensor;
  readonly average?: Tensor;
  readonly averageDecay?: ParamValue;
  /** No update while mean D₂(ŷ) ≥ mean D₁(y). */
  readonly skipRule?: boolean;
  /** 1 to update, 0 not to. */
  readonly enabled: ParamValue;
  /** The word of the guard at which the loss scale of the gradients is. Default: the loss has none. */
  readonly lossScaleAt?: number;
}

/** Elements that one workgroup updates, as in the kernels. */
const PER_GROUP = 2048;
/** Partial sums of the gradient norm. */
const NORMS = 64;

/** Sizes in bytes of the state of an optimiser on `size` parameters. */
export function optimiserStateBytes(
  choice: OptimiserChoice,
  size: number,
): { moments: number; count: number } {
  const perParameter = choice.kind === 'adam' || choice.kind === 'adamw' ? 2 : 1;
  return { moments: perParameter * size * 4, count: Math.ceil(size / PER_GROUP) * 64 * 4 };
}

interface Attributes {
  readonly choice: OptimiserChoice;
  readonly averageDecay: ParamValue;
  readonly skipRule: boolean;
  readonly enabled: ParamValue;
  readonly lossScaleAt: number;
}

const optimiserOp: Op<Attributes> = {
  name: 'optimiser',
  dispatch({ inputs, outputs, attributes }) {
    const { choice, averageDecay, skipRule, enabled, lossScaleAt } = attributes;
    const [parameters, gradients, moments, count, guard, scalars, given] = inputs as readonly [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor | undefined,
    ];
    const [, norms, unused] = outputs as readonly [Tensor, Tensor, Tensor];
    const size = parameters.shape[0] as number;
    const clips = choice.clipNorm > 0;
    const needsNorm = clips || lossScaleAt > 0;
    const common = {
      label: parameters.name,
      bindings: {
        parameters,
        gradients,
        moments,
        count,
        guard,
        scalars,
        norms: needsNorm ? norms : gradients,
        average: given ?? unused,
      },
      overrides: {
        HAS_CLIP: Number(clips),
        HAS_BOUND: Number(choice.weightBound > 0),
        HAS_AVERAGE: Number(given !== undefined),
        SKIP_RULE: Number(skipRule),
        SCALE_AT: lossScaleAt,
        FINITE_AT: SCALAR_INDEX.finite,
        MEAN_REAL_AT: SCALAR_INDEX.meanCriticReal,
        MEAN_FAKE_AT: SCALAR_INDEX.meanCriticFake,
        GRADIENT_SCALE_AT: SCALAR_INDEX.gradientScale,
      },
      workgroups: [Math.ceil(size / PER_GROUP), 1, 1] as const,
    };
    const params = {
      size,
      enabled,
      norm_count: NORMS,
      rate: choice.rate,
      clip_norm: choice.clipNorm,
      weight_bound: choice.weightBound,
      average_decay: averageDecay,
    };
    return [
      ...(needsNorm ? [normCall(gradients, norms, size)] : []),
      updateCall(choice, common, params, size),
    ];
  },
};

function normCall(gradients: Tensor, norms: Tensor, size: number): AnyKernelCall<Tensor> {
  return kernelCall({
    kernel: 'optimiser_gradient_norm',
    label: norms.name,
    params: { size, norm_count: NORMS },
    bindings: { gradients, norms },
    workgroups: [NORMS, 1, 1],
    flops: 2 * size,
    bytes: 4 * size,
  });
}

function updateCall(
  choice: OptimiserChoice,
  common: Pick<
    Parameters<typeof kernelCall<'optimiser_adam', Tensor>>[0],
    'label' | 'bindings' | 'overrides' | 'workgroups'
  >,
  params: {
    size: number;
    enabled: ParamValue;
    norm_count: number;
    rate: number;
    clip_norm: number;
    weight_bound: number;
    average_decay: ParamValue;
  },
  size: number,
): AnyKernelCall<Tensor> {
  switch (choice.kind) {
    case 'adam':
    case 'adamw':
      return kernelCall({
        ...common,
        kernel: 'optimiser_adam',
        params: {
          ...params,
          beta1: choice.beta1,
          beta2: choice.beta2,
          one_minus_beta1: 1 - choice.beta1,
          one_minus_beta2: 1 - choice.beta2,
          epsilon: choice.epsilon,
          weight_decay: choice.kind === 'adamw' ? choice.weightDecay : 0,
        },
        flops: 15 * size,
        bytes: 28 * size,
      });
    case 'rmsprop':
      return kernelCall({
        ...common,
        kernel: 'optimiser_rmsprop',
        params: {
          ...params,
          decay: choice.decay,
          one_minus_decay: 1 - choice.decay,
          epsilon: choice.epsilon,
        },
        flops: 8 * size,
        bytes: 20 * size,
      });
    case 'sgd':
      return kernelCall({
        ...common,
        kernel: 'optimiser_sgd',
        params: { ...params, momentum: choice.momentum },
        flops: 4 * size,
        bytes: 20 * size,
      });
  }
}

/** Appends the step; the parameters, moments, count, guard and average are updated in place. */
export function optimiserStep(graph: Graph, choice: OptimiserChoice, tensors: OptimiserTensors): void {
  const { parameters, gradients, moments, count, guard, scalars, average, averageDecay = 0 } = tensors;
  const [updated] = graph.add(optimiserOp, {
    inputs: [parameters, gradients, moments, count, guard, scalars, ...(average ? [average] : [])],
    outputs: [
      { name: parameters.name, shape: parameters.shape },
      { name: 'gradient.norms', shape: [NORMS] },
      { name: 'unused', shape: [4] }, // WebGPU wants every binding bound
    ],
    attributes: {
      choice,
      averageDecay,
      skipRule: tensors.skipRule ?? false,
      enabled: tensors.enabled,
      lossScaleAt: tensors.lossScaleAt ?? 0,
    },
    inPlace: [0],
  });
  const place = graph.placeOf(parameters);
  if (!place) throw new Error('optimiser: parameters must be external memory');
  graph.place(updated, place);
}
