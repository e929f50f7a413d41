/**
 * From the running state of the likelihood reduction to the estimators, in float64 on the host. A state holds sums of
 * weights relative to their maximum; the logarithms, the entropies and everything that cancels are taken here.
 * Formulas: docs/mathematics.md §4; the layout of a state: shaders/lib/likelihood_state.wgsl.
 */
import { UserError } from '../gpu/errors.ts';
import { type LikelihoodCost, STATE_FLOATS } from '../ops/log-likelihood.ts';
import { logNormaliser } from './log-normaliser.ts';
import { paretoK } from './pareto.ts';

/** Estimates that need no critic, per observation. */
export interface ImportanceEstimates {
  /** log C of the explicit model, docs/mathematics.md §3. */
  readonly logC: number;
  /** L_K = log C + logsumexp s − log K. */
  readonly importance: Float64Array;
  /** 1 / Σ w² of w = softmax(s), between 1 and K. */
  readonly essImportance: Float64Array;
  /** The largest of those weights. */
  readonly maxWeightImportance: Float64Array;
  /** k̂ of the largest importance weights (PSIS), or null where they were not kept. */
  readonly paretoK: Float64Array | null;
}

/** The surrogate and its parts, per observation, besides the importance estimates. */
export interface LikelihoodEstimates extends ImportanceEstimates {
  /** S_K: the sum of logC and the components. */
  readonly surrogate: Float64Array;
  readonly components: {
    /** −(1/λ) Σ w l */
    readonly distance: Float64Array;
    /** Σ w log f_X(x), with its −(r/2) log 2π. */
    readonly latent: Float64Array;
    /** −Σ w [log q(x) + log(K w)] */
    readonly couplingEntropy: Float64Array;
  };
  /** 1 / Σ w² of the surrogate's weights w = softmax(t). */
  readonly essSurrogate: Float64Array;
  readonly maxWeight: Float64Array;
  /** The published code's score, no likelihood; null with given proposals, for which it is not defined. */
  readonly paperScore: Float64Array | null;
}

/** States of observations, [n, 16]: from the GPU, or merged on the host. */
export type State = Float32Array | Float64Array;

export interface FinishOptions {
  /** Latents that went into the state, K. */
  readonly count: number;
  readonly d: number;
  readonly cost: LikelihoodCost;
  readonly lambda: number;
  /** The T largest log-weights of each observation, [n, T], if they were kept. */
  readonly tail?: Float32Array;
}

/** The importance-weighted estimates of `state`, [n, 16]. @throws UserError where one is not finite. */
export function finishImportance(state: State, options: FinishOptions): ImportanceEstimates {
  const { count, d, cost, lambda, tail } = options;
  const n = state.length / STATE_FLOATS;
  const logC = logNormaliser(cost, d, lambda);
  const importance = new Float64Array(n);
  const essImportance = new Float64Array(n);
  const maxWeightImportance = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const { max, sum, sumOfSquares } = readImportance(state, i);
    importance[i] = logC + (max + Math.log(sum) - Math.log(count));
    essImportance[i] = (sum * sum) / sumOfSquares;
    maxWeightImportance[i] = 1 / sum;
  }
  checkFinite('L_K', importance, lambda);
  return {
    logC,
    importance,
    essImportance,
    maxWeightImportance,
    paretoK: tail ? tailShapes(tail, n, count) : null,
  };
}

/**
 * All estimates of `state`, [n, 16], accumulated with a critic.
 * @param options.r latent dimension; @param options.given whether the latents were drawn from given proposals.
 * @throws UserError where one is not finite.
 */
export function finishLikelihood(
  state: State,
  options: FinishOptions & { readonly r: number; readonly given: boolean },
): LikelihoodEstimates {
  const { count, lambda, r, given } = options;
  const n = state.length / STATE_FLOATS;
  const estimates = finishImportance(state, options);
  const { logC } = estimates;
  const surrogate = new Float64Array(n);
  const distance = new Float64Array(n);
  const latent = new Float64Array(n);
  const couplingEntropy = new Float64Array(n);
  const essSurrogate = new Float64Array(n);
  const maxWeight = new Float64Array(n);
  const paperScore = given ? null : new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const w = readSurrogate(state, i);
    const entropy = Math.log(w.sum) - w.gap / w.sum;
    distance[i] = -w.cost / w.sum / lambda;
    latent[i] = -w.halfNorm / w.sum - 0.5 * r * Math.log(2 * Math.PI);
    // Σ w log q is Σ w log f_X − Σ w (log f_X − log q): with prior latents exactly the latent term.
    couplingEntropy[i] = entropy - Math.log(count) - latent[i]! + w.ratio / w.sum;
    surrogate[i] = logC + distance[i]! + latent[i]! + couplingEntropy[i]!;
    essSurrogate[i] = (w.sum * w.sum) / w.sumOfSquares;
    maxWeight[i] = 1 / w.sum;
    if (paperScore) {
      const p = readPaper(state, i);
      paperScore[i] = Math.log(p.sum) - p.gap / p.sum - p.energy / p.sum;
    }
  }
  checkFinite('S_K', surrogate, lambda);
  return {
    ...estimates,
    surrogate,
    components: { distance, latent, couplingEntropy },
    essSurrogate,
    maxWeight,
    paperScore,
  };
}

/**
 * The smallest cost l(y, G(x_k)) of each observation to one of the K latents' samples, −λ max s, where the latents are of
 * the prior: how far the nearest generated sample is. What L_K comes to, up to constants, where a single latent carries it.
 */
export function nearestCosts(state: State, lambda: number): Float64Array {
  return Float64Array.from(
    { length: state.length / STATE_FLOATS },
    (_, i) => -lambda * readImportance(state, i).max,
  );
}

function checkFinite(name: string, values: Float64Array, lambda: number): void {
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new UserError(
      `log-likelihood: ${name} of sample ${bad} is ${values[bad]}: costs or critics, over lambda = ${lambda}, leave the range of float32; raise lambda, or take a model whose training stayed finite`,
    );
}

function readImportance(state: State, i: number): { max: number; sum: number; sumOfSquares: number } {
  const [max = 0, sum = 0, sumOfSquares = 0] = state.subarray(i * STATE_FLOATS);
  return { max, sum, sumOfSquares };
}

/** Sums of eᵗ, e²ᵗ, eᵗ(t − max t), eᵗl, eᵗ½‖x‖² and eᵗ(log f_X − log q). */
function readSurrogate(
  state: State,
  i: number,
): { sum: number; sumOfSquares: number; gap: number; cost: number; halfNorm: number; ratio: number } {
  const [, sum = 0, sumOfSquares = 0, gap = 0, cost = 0, halfNorm = 0, ratio = 0] = state.subarray(
    i * STATE_FLOATS + 4,
  );
  return { sum, sumOfSquares, gap, cost, halfNorm, ratio };
}

/** Sums of eᵘ, eᵘ(u − max u) and eᵘ(l/λ + ½‖x‖²). */
function readPaper(state: State, i: number): { sum: number; gap: number; energy: number } {
  const [, sum = 0, gap = 0, energy = 0] = state.subarray(i * STATE_FLOATS + 12);
  return { sum, gap, energy };
}

function tailShapes(tail: Float32Array, n: number, count: number): Float64Array {
  const length = tail.length / n;
  return Float64Array.from({ length: n }, (_, i) =>
    paretoK(tail.subarray(i * length, (i + 1) * length), count),
  );
}
