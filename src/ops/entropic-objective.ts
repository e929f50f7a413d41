/**
 * The entropic objective over all n·m pairs of a batch, value, diagnostics and gradients, without storing anything n×m.
 * Formulas: shaders/entropic_objective_finish.wgsl and shaders/entropic_objective_gradient.wgsl.
 */
import { type AnyKernelCall, type ParamValue, kernelCall } from '../gpu/kernel.ts';
import type { Graph, Op, Tensor } from '../graph/graph.ts';
import {
  MOST_BLOCKS,
  gradientParts,
  gradientSpans,
  pairBlocks,
  softwareGradientKernel,
  tileConstants,
  tilesKernel,
} from './entropic-objective-variants.ts';
import { elementGroups } from './grid.ts';
import { normaliseRows } from './normalise-rows.ts';

export const OBJECTIVE_COSTS = ['l1', 'squared', 'half-squared', 'cosine'] as const;
export type ObjectiveCost = (typeof OBJECTIVE_COSTS)[number];
export const OBJECTIVE_FORMS = ['exp', 'logmeanexp', 'hinge'] as const;
export type ObjectiveForm = (typeof OBJECTIVE_FORMS)[number];

/** Where each of the objective's scalars stands. */
export const SCALAR_INDEX = {
  objective: 0,
  penalty: 1,
  meanP: 2,
  maxRowError: 3,
  maxColError: 4,
  meanPLogP: 5,
  transportCost: 6,
  clippedPairs: 7,
  meanCriticReal: 8,
  meanCriticFake: 9,
  finite: 10,
  /** What the gradients are multiplied by, the sign and the scale of the loss. */
  gradientScale: 13,
} as const;
/** Floats of the scalars tensor. */
export const OBJECTIVE_SCALARS = 16;

/** The objective J = mean D₁ − mean D₂ − penalty, and the diagnostics of its coupling p (docs/mathematics.md §2: mean p = 1 at the optimum). */
export type ObjectiveScalars = {
  readonly [K in Exclude<keyof typeof SCALAR_INDEX, 'finite' | 'gradientScale'>]: number;
} & {
  /** Whether every pair and the objective are finite numbers, and no fault was up. */
  readonly finite: boolean;
};

/** Reads the scalars tensor. */
export function decodeObjectiveScalars(scalars: Float32Array): ObjectiveScalars {
  const at = (name: keyof typeof SCALAR_INDEX): number => scalars[SCALAR_INDEX[name]] as number;
  return {
    objective: at('objective'),
    penalty: at('penalty'),
    meanP: at('meanP'),
    maxRowError: at('maxRowError'),
    maxColError: at('maxColError'),
    meanPLogP: at('meanPLogP'),
    transportCost: at('transportCost'),
    clippedPairs: at('clippedPairs'),
    meanCriticReal: at('meanCriticReal'),
    meanCriticFake: at('meanCriticFake'),
    finite: at('finite') === 1,
  };
}

/** All pairs of a batch. The cosine cost takes rows of length 1: see `seenByCost`. */
export interface Pairs {
  /** y, [n, d]. */
  readonly real: Tensor;
  /** ŷ, [m, d]. */
  readonly fake: Tensor;
  /** D₁(y), n values. */
  readonly criticReal: Tensor;
  /** D₂(ŷ), m values. */
  readonly criticFake: Tensor;
  readonly cost: ObjectiveCost;
  readonly form: ObjectiveForm;
  readonly lambda: ParamValue;
}

/** Samples as the cost takes them: for cosine in rows of length 1, through which gradients find their way back. */
export function seenByCost(graph: Graph, cost: ObjectiveCost, samples: Tensor): Tensor {
  return cost === 'cosine' ? normaliseRows(graph, samples) : samples;
}

interface Attributes {
  readonly cost: ObjectiveCost;
  readonly form: ObjectiveForm;
  readonly lambda: ParamValue;
}

interface ObjectiveAttributes extends Attributes {
  readonly sign: number;
  readonly lossScaleAt: number;
}

/** Floats that a row leaves for each block. */
const ROW_STATISTICS = 8;
/** Operations of one dispatch at most, so that none runs longer than about a second. */
const DISPATCH_FLOPS = { software: 4e8, hardware: 2e12 };

/** Samples on a side whose values and partial statistics fit in bindings of so many bytes. */
export function mostSamples(bindingBytes: number, d: number): number {
  return Math.floor(bindingBytes / (4 * Math.max(d, MOST_BLOCKS * ROW_STATISTICS)));
}

const overridesOf = ({ cost, form }: Attributes): { COST: number; FORM: number } => ({
  COST: OBJECTIVE_COSTS.indexOf(cost),
  FORM: OBJECTIVE_FORMS.indexOf(form),
});

const objectiveOp: Op<ObjectiveAttributes> = {
  name: 'entropic-objective',
  dispatch({ inputs, outputs, attributes }, target) {
    const [real, fake, critic_real, critic_fake, guard] = inputs as readonly [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor | undefined,
    ];
    const [scalars, grad_critic_real, grad_critic_fake, row_partials, column_partials] = outputs as readonly [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const [n, d] = real.shape as readonly [number, number];
    const m = fake.shape[0] as number;
    const { tile, rows, columns } = pairBlocks(n, m, target.adapter);
    const kernel = tilesKernel(target);
    const { lambda, sign, lossScaleAt } = attributes;
    const rowBlockFlops = rows.tiles * tile * m * (3 * d + 60);
    const perDispatch = Math.max(1, Math.floor(DISPATCH_FLOPS[target.adapter] / rowBlockFlops));
    const calls: AnyKernelCall<Tensor>[] = [];
    for (let first = 0; first < rows.blocks; first += perDispatch) {
      const count = Math.min(perDispatch, rows.blocks - first);
      calls.push(
        kernelCall({
          kernel,
          label: scalars.name,
          params: {
            n,
            m,
            d,
            row_tiles: rows.tiles,
            column_tiles: columns.tiles,
            first_row_block: first,
            lambda,
          },
          bindings: { real, fake, critic_real, critic_fake, row_partials, column_partials },
          overrides: overridesOf(attributes),
          ...(kernel === 'entropic_objective_tiles_tile' ? { constants: tileConstants(tile) } : {}),
          workgroups: [columns.blocks, count, 1],
          flops: count * rowBlockFlops,
          bytes: (4 * count * rowBlockFlops) / 12,
        }),
      );
    }
    calls.push(
      kernelCall({
        kernel: 'entropic_objective_finish',
        label: scalars.name,
        params: { n, m, row_blocks: rows.blocks, column_blocks: columns.blocks, lambda, sign },
        bindings: {
          row_partials,
          column_partials,
          critic_real,
          critic_fake,
          guard: guard ?? critic_real, // WebGPU wants every binding bound; the override keeps it from being read
          scalars,
          grad_critic_real,
          grad_critic_fake,
        },
        overrides: {
          ...overridesOf(attributes),
          HAS_GUARD: Number(guard !== undefined),
          SCALE_AT: lossScaleAt,
        },
        workgroups: [1, 1, 1],
        flops: 40 * (n * columns.blocks + m * rows.blocks),
        bytes: 32 * n * columns.blocks + 16 * m * rows.blocks,
      }),
    );
    return calls;
  },
};

/**
 * J and its diagnostics, and sign·∂J/∂D for both critics, times the loss scale if there is one, shaped as the critics' outputs.
 * @param sign 1 for the gradients of J, −1 for those of a loss −J.
 * @param guard see `guard.ts`: while its fault is up, the scalars say `finite: false`, and so stop every update.
 * @param lossScaleAt the word of the guard at which the loss scale is. Default: there is none.
 */
export function entropicObjective(
  graph: Graph,
  {
    real,
    fake,
    criticReal,
    criticFake,
    cost,
    form,
    lambda,
    sign,
    guard,
    lossScaleAt = 0,
  }: Pairs & { readonly sign: number; readonly guard?: Tensor; readonly lossScaleAt?: number },
): { scalars: Tensor; gradCriticReal: Tensor; gradCriticFake: Tensor } {
  const n = real.shape[0] as number;
  const m = fake.shape[0] as number;
  // The target is known later: there is room for the partial statistics of either kind.
  const most = (side: 'rows' | 'columns'): number =>
    Math.max(...(['software', 'hardware'] as const).map((kind) => pairBlocks(n, m, kind)[side].blocks));
  const [scalars, gradCriticReal, gradCriticFake] = graph.add(objectiveOp, {
    inputs: [real, fake, criticReal, criticFake, ...(guard ? [guard] : [])],
    outputs: [
      { name: 'objective', shape: [OBJECTIVE_SCALARS] },
      { name: 'objective.d(D1)', shape: criticReal.shape },
      { name: 'objective.d(D2)', shape: criticFake.shape },
      { name: 'objective.rows', shape: [most('columns'), n, ROW_STATISTICS] },
      { name: 'objective.columns', shape: [most('rows'), m, 2] },
    ],
    attributes: { cost, form, lambda, sign, lossScaleAt },
  });
  return { scalars, gradCriticReal, gradCriticFake };
}

/** Generated samples that one workgroup of the gradient takes on software adapters. */
const GRADIENT_COLUMNS = 16;

const gradientOp: Op<Attributes> = {
  name: 'entropic-objective-gradient',
  dispatch({ inputs, outputs, attributes }, target) {
    const [real, fake, critic_real, critic_fake, scalars] = inputs as readonly [
      Tensor,
      Tensor,
      Tensor,
      Tensor,
      Tensor,
    ];
    const [out, parts] = outputs as readonly [Tensor, Tensor];
    const [n, d] = real.shape as readonly [number, number];
    const m = fake.shape[0] as number;
    const { lambda } = attributes;
    const shared = { label: out.name, overrides: overridesOf(attributes) };
    const bindings = { real, fake, critic_real, critic_fake, scalars };
    const calls: AnyKernelCall<Tensor>[] = [];
    if (target.adapter === 'hardware') {
      const division = gradientParts({ n, m, d });
      const { tile, each, parts: count } = division;
      const flops = n * m * (6 * d + 30);
      const most = DISPATCH_FLOPS.hardware / (count * tile * m * (6 * d + 30));
      for (const { first, span } of gradientSpans(division, most)) {
        const share = span / each;
        calls.push(
          kernelCall({
            ...shared,
            label: count === 1 ? out.name : parts.name,
            kernel: 'entropic_objective_gradient_tile',
            params: { n, m, d, each, first_row: first, span, lambda },
            bindings: { ...bindings, out: count === 1 ? out : parts },
            constants: tileConstants(tile),
            workgroups: [Math.ceil(m / tile), count, 1],
            flops: share * flops,
            bytes: 4 * share * n * m * d * (2 / tile + 1 / 8),
          }),
        );
      }
      if (count > 1)
        calls.push(
          kernelCall({
            kernel: 'entropic_objective_gradient_sum',
            label: out.name,
            params: { count: m * d, parts: count },
            bindings: { parts, out },
            workgroups: elementGroups(m * d, 64),
            flops: count * m * d,
            bytes: 4 * (count + 1) * m * d,
          }),
        );
      return calls;
    }
    const groups = Math.ceil(m / GRADIENT_COLUMNS);
    const groupFlops = GRADIENT_COLUMNS * n * (6 * d + 30);
    const perDispatch = Math.min(65535, Math.max(2, Math.floor(DISPATCH_FLOPS.software / groupFlops)));
    for (let first = 0; first < groups; first += perDispatch) {
      const count = Math.min(perDispatch, groups - first);
      calls.push(
        kernelCall({
          ...shared,
          kernel: softwareGradientKernel(target),
          params: { n, m, d, first_group: first, lambda },
          bindings: { ...bindings, out },
          workgroups: [count, 1, 1],
          flops: count * groupFlops,
          bytes: (count * groupFlops) / 4,
        }),
      );
    }
    return calls;
  },
};

/**
 * ∂J/∂ŷ through the cost, multiplied as the objective's gradients are, [m, d], of ŷ as the pairs have it: the same for both generator losses, which differ in the path through D₂ only.
 * @param scalars those of `entropicObjective` on the same pairs.
 */
export function entropicObjectiveGradient(graph: Graph, pairs: Pairs & { readonly scalars: Tensor }): Tensor {
  const { real, fake, criticReal, criticFake, cost, form, lambda, scalars } = pairs;
  const [n, d] = real.shape as readonly [number, number];
  const m = fake.shape[0] as number;
  return graph.add(gradientOp, {
    inputs: [real, fake, criticReal, criticFake, scalars],
    outputs: [
      { name: 'objective.d(fake)', shape: fake.shape },
      { name: 'objective.d(fake).parts', shape: [gradientParts({ n, m, d }).parts, m, d] },
    ],
    attributes: { cost, form, lambda },
  })[0];
}
