/**
 * One case of a kernel: inputs, the graph that runs it, its float64 twin, and how much work it is. The same case is a
 * test (GPU against twin, guard words, same bits twice) and a benchmark (verified, then timed).
 */
import type { Graph, Tensor } from '../../src/graph/graph.ts';
import type { HostTensor } from '../../src/graph/evaluate.ts';

/** Rounds after each operation: the identity gives the twin in float64, `Math.fround` its float32 error. */
export type Round = (x: number) => number;

export interface KernelCase {
  readonly name: string;
  readonly inputs: Readonly<Record<string, HostTensor>>;
  /** Emits the op under test and returns the outputs to compare, by name; an input updated in place may be one. */
  readonly build: (
    graph: Graph,
    tensors: Readonly<Record<string, Tensor>>,
  ) => Readonly<Record<string, Tensor>>;
  /** The same outputs from the float64 twin. */
  readonly reference: (round: Round) => Readonly<Record<string, ArrayLike<number>>>;
  /** Outputs whose rows hold different quantities, to be compared one by one: their names, in the order of the twin's rows. */
  readonly quantities?: Readonly<Record<string, readonly string[]>>;
  /** The size of the terms of outputs or quantities (`output.quantity`) that are sums in which they cancel. */
  readonly termsOf?: (
    expected: Readonly<Record<string, ArrayLike<number>>>,
  ) => Readonly<Record<string, number>>;
  /**
   * The allowance is `factor` × the error of the twin rounded to float32, plus `ulps` ulp of the largest expected value,
   * or of the terms that it is the sum of. Default 4 and 4; anything else carries its reason, which is printed.
   */
  readonly allowance?: { readonly factor: number; readonly ulps: number; readonly reason: string };
  /** Not run as a benchmark (adversarial inputs), or only on hardware adapters (too large for a CPU). */
  readonly bench?: boolean;
  readonly hardwareOnly?: boolean;
}
