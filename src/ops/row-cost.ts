/** The cost l(y, G(x)) of generated samples, each to the observation that it belongs to, and its gradient with respect to them. */
import { kernelCall } from '../gpu/kernel.ts';
import { hasFourLanes } from '../gpu/target.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { elementGroups } from './grid.ts';
import type { LikelihoodCost } from './log-likelihood.ts';

interface Attributes {
  readonly cost: LikelihoodCost;
}

/** What both kernels are told. */
function paramsOf(observations: Tensor, generated: Tensor, cost: LikelihoodCost) {
  const [rows, columns] = generated.shape as readonly [number, number];
  return {
    params: {
      rows,
      columns,
      group: rows / (observations.shape[0] as number),
      scale: cost === 'half-squared' ? 0.5 : 1,
    },
    overrides: { ABSOLUTE: Number(cost === 'l1') },
    flops: 3 * rows * columns,
  };
}

const rowCostOp: Op<Attributes> = {
  name: 'row-cost',
  dispatch({ inputs, outputs, attributes: { cost } }, target) {
    const [observations, generated] = inputs as readonly [Tensor, Tensor];
    const [out] = outputs as readonly [Tensor];
    const fourLanes = hasFourLanes(target);
    return [
      kernelCall({
        kernel: fourLanes ? 'row_cost_subgroup4' : 'row_cost',
        label: out.name,
        bindings: { observations, generated, out },
        workgroups: elementGroups(generated.shape[0] as number, fourLanes ? 16 : 1),
        bytes: 8 * sizeOf(generated.shape),
        ...paramsOf(observations, generated, cost),
      }),
    ];
  },
  derivative(graph, { inputs, attributes }, [upstream], wanted) {
    const [observations, generated] = inputs as readonly [Tensor, Tensor];
    if (wanted[0]) throw new Error(`row-cost: ${observations.name} are data; there is no gradient for them`);
    if (!upstream) return [undefined, undefined];
    const [dg] = graph.add(rowCostGradientOp, {
      inputs: [observations, generated, upstream],
      outputs: [{ name: `cost.d(${generated.name})`, shape: generated.shape }],
      attributes,
    });
    return [undefined, dg];
  },
};

const rowCostGradientOp: Op<Attributes> = {
  name: 'row-cost-gradient',
  dispatch({ inputs, outputs, attributes: { cost } }) {
    const [observations, generated, upstream] = inputs as readonly [Tensor, Tensor, Tensor];
    const [dg] = outputs as readonly [Tensor];
    const count = sizeOf(generated.shape);
    return [
      kernelCall({
        kernel: 'row_cost_gradient',
        label: dg.name,
        bindings: { observations, generated, upstream, dg },
        workgroups: elementGroups(count, 64),
        bytes: 12 * count,
        ...paramsOf(observations, generated, cost),
      }),
    ];
  },
};

/**
 * l(y_⌊i/G⌋, ŷ_i) of every row of `generated`, [N·G, d], to the row of `observations`, [N, d], that it belongs to: [N·G].
 */
export function rowCost(graph: Graph, observations: Tensor, generated: Tensor, cost: LikelihoodCost): Tensor {
  return graph.add(rowCostOp, {
    inputs: [observations, generated],
    outputs: [{ name: `cost(${generated.name})`, shape: [generated.shape[0] as number] }],
    attributes: { cost },
  })[0];
}
