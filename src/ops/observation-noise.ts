/** Observations drawn from a model's noise around generated samples, put in the place of rows of a batch. */
import { kernelCall, type ParamValue } from '../gpu/kernel.ts';
import { type Graph, type Op, type Tensor, sizeOf } from '../graph/graph.ts';
import { elementGroups } from './grid.ts';
import type { LikelihoodCost } from './log-likelihood.ts';

interface Attributes {
  readonly cost: LikelihoodCost;
  readonly lambda: number;
  readonly key: readonly [number, number];
  readonly counter: ParamValue;
}

const observationNoiseOp: Op<Attributes> = {
  name: 'observation-noise',
  dispatch({ inputs, outputs, attributes: { cost, lambda, key, counter } }) {
    const [batch, generated] = inputs as readonly [Tensor, Tensor];
    const [out] = outputs as readonly [Tensor];
    const count = sizeOf(generated.shape);
    return [
      kernelCall({
        kernel: 'observation_noise',
        label: out.name,
        params: {
          count,
          skip: sizeOf(batch.shape) - count,
          key0: key[0],
          key1: key[1],
          counter1: counter,
          spread: spreadOf(cost, lambda),
        },
        bindings: { generated, out },
        overrides: { LAPLACE: Number(cost === 'l1') },
        workgroups: elementGroups(count, 128),
        flops: 60 * count,
        bytes: 8 * count,
      }),
    ];
  },
};

/** Standard deviation of the normal noise of a cost, scale of the Laplace noise of l1 (docs/mathematics.md §3). */
function spreadOf(cost: LikelihoodCost, lambda: number): number {
  switch (cost) {
    case 'half-squared':
      return Math.sqrt(lambda);
    case 'squared':
      return Math.sqrt(lambda / 2);
    case 'l1':
      return lambda;
  }
}

/**
 * The batch, [n, d], with draws from f(y | x) = C·exp(−l(y, ŷ)/λ) around each generated sample ŷ, [m ≤ n, d], in the place of its
 * last m rows: in place.
 * @param source.key seed and stream; `counter` says which sequence of the key.
 */
export function observationNoise(graph: Graph, batch: Tensor, generated: Tensor, source: Attributes): Tensor {
  return graph.add(observationNoiseOp, {
    inputs: [batch, generated],
    outputs: [{ name: batch.name, shape: batch.shape }],
    attributes: source,
    inPlace: [0],
  })[0];
}
