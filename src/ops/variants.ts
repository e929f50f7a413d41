/**
 * Which kernels run on a target, for people: each operation that has several is scheduled for the target in its typical
 * uses, so that what is printed is what dispatch chooses.
 */
import type { KernelName } from '../gpu/kernel.ts';
import type { Target } from '../gpu/target.ts';
import { Graph, type Tensor } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import { sameGeometry } from './conv-geometry.ts';
import { conv2d, conv2dWeight } from './conv2d.ts';
import { entropicObjective } from './entropic-objective.ts';
import { STATE_FLOATS, likelihoodAccumulate } from './log-likelihood.ts';
import { matmul } from './matmul.ts';

type MakeInput = (name: string, shape: readonly number[]) => Tensor;

/** A use of an operation that has variants, and how the names of their kernels begin. */
interface Use {
  readonly kernels: string;
  readonly build: (graph: Graph, input: MakeInput) => Tensor;
}

const N = 256;
const K = 1024;
const D = 784;
const CONVOLUTION = sameGeometry(
  { height: 28, width: 28, channels: 1 },
  { kernel: 5, stride: 2, filters: 64 },
);
const WINDOWS = CONVOLUTION.rows * CONVOLUTION.columns * CONVOLUTION.filters;

const USES: Readonly<Record<string, Use>> = {
  matmul: {
    kernels: 'matmul',
    build: (graph, input) => matmul(graph, input('a', [N, D]), input('b', [D, N])),
  },
  convolution: {
    kernels: 'conv2d_(tile|narrow|subgroup4|matrix)',
    build: (graph, input) =>
      conv2d(graph, input('image', [N, D]), input('weight', [5, 5, 1, 64]), CONVOLUTION),
  },
  'gradient of its weights': {
    kernels: 'conv2d_weight_(tile|subgroup4|matrix)',
    build: (graph, input) =>
      conv2dWeight(graph, input('image', [N, D]), input('windows', [N, WINDOWS]), CONVOLUTION),
  },
  'entropic objective': {
    kernels: 'entropic_objective_tiles',
    build: (graph, input) =>
      entropicObjective(graph, {
        real: input('real', [N, D]),
        fake: input('fake', [N, D]),
        criticReal: input('criticReal', [N]),
        criticFake: input('criticFake', [N]),
        cost: 'half-squared',
        form: 'logmeanexp',
        lambda: 1,
        sign: 1,
      }).scalars,
  },
  'log-likelihood': {
    kernels: 'log_likelihood_(tile|row)',
    build: (graph, input) => likelihood(graph, input, [K]),
  },
  'log-likelihood, a bank per observation': {
    kernels: 'log_likelihood_(tile|row)',
    build: (graph, input) => likelihood(graph, input, [N, K]),
  },
};

function likelihood(graph: Graph, input: MakeInput, bank: readonly number[]): Tensor {
  return likelihoodAccumulate(graph, {
    observations: input('observations', [N, D]),
    generated: input('generated', [...bank, D]),
    state: input('state', [N, STATE_FLOATS]),
    cost: 'half-squared',
    lambda: 1,
    validCount: K,
    first: 1,
  }).state;
}

/** The kernel, or kernels, that each operation with variants runs on a target. */
export function kernelVariants(target: Target): Record<string, string> {
  return Object.fromEntries(
    Object.entries(USES).map(([operation, { kernels, build }]) => {
      const graph = new Graph();
      const result = build(graph, (name, shape) => graph.external(name, shape, { buffer: name, offset: 0 }));
      const named = new RegExp(`^${kernels}`);
      const ran = schedule(graph, target, [result]).recording.dispatches.map(({ kernel }) => kernel);
      return [operation, [...new Set<KernelName>(ran.filter((kernel) => named.test(kernel)))].join(', ')];
    }),
  );
}
