/**
 * What both sides of the likelihood benchmark must agree on, and with what: for some observations everything again by its
 * definition in float64 on the host, from all K costs.
 *   L_K = log C + log Σ eˢ − log K      S_K = log C + Σ w s + H(w) − log K, w = softmax(t)      docs/mathematics.md §4
 */
import type { LikelihoodEstimates } from '../src/likelihood/finish.ts';
import { logNormaliser } from '../src/likelihood/log-normaliser.ts';
import { pairsOf } from '../test/reference/log-likelihood.ts';
import type { LikelihoodWorkload } from './likelihood-workload.ts';

/** In nats, compared by differences. */
const NATS = ['importance', 'surrogate', 'distance', 'latent', 'couplingEntropy'] as const;
/** Statistics of weights, compared by ratios. */
const WEIGHTS = ['essImportance', 'maxWeightImportance', 'essSurrogate', 'maxWeight'] as const;

type Name = (typeof NATS)[number] | (typeof WEIGHTS)[number];
/** One number an observation of each. */
export type ComparedEstimates = Record<Name, ArrayLike<number>>;

/** From the estimates of each observation. */
export function columnsOf(each: readonly Readonly<Record<Name, number>>[]): ComparedEstimates {
  const all = [...NATS, ...WEIGHTS].map((name) => [name, each.map((of) => of[name])] as const);
  return Object.fromEntries(all) as Record<Name, number[]>;
}

export function comparedEstimates(estimates: LikelihoodEstimates): ComparedEstimates {
  return { ...estimates, ...estimates.components };
}

/** In float64, by definition, for the given observations. */
export function exactEstimates(workload: LikelihoodWorkload, rows: readonly number[]): ComparedEstimates {
  const { cost, lambda, generated, latents, criticFake } = workload;
  const d = generated.shape[1] as number;
  const count = generated.shape[0] as number;
  const r = latents.shape[1] as number;
  const logC = logNormaliser(cost, d, lambda);
  const bank = {
    size: count,
    valid: count,
    perObservation: false,
    generated: generated.data,
    latents: latents.data,
    critic: criticFake,
  };
  const each = rows.map((row) => {
    const pairs = pairsOf(workload.observations.data, row, [bank], { d, r }, cost, (x) => x);
    const importance = softmax(pairs.map((pair) => -pair.cost / lambda));
    const { weights, ess, largest } = softmax(pairs.map((pair) => -(pair.cost + pair.critic) / lambda));
    const mean = (values: readonly number[]): number =>
      weights.reduce((sum, w, k) => sum + w * (values[k] as number), 0);
    const distance = -mean(pairs.map((pair) => pair.cost)) / lambda;
    const logPrior = pairs.map((pair) => -pair.halfNorm - 0.5 * r * Math.log(2 * Math.PI));
    const latent = mean(logPrior);
    const couplingEntropy = -mean(
      weights.map((w, k) => (w === 0 ? 0 : (logPrior[k] as number) + Math.log(count * w))),
    );
    return {
      importance: logC + importance.logSum - Math.log(count),
      surrogate: logC + distance + latent + couplingEntropy,
      distance,
      latent,
      couplingEntropy,
      essImportance: importance.ess,
      maxWeightImportance: importance.largest,
      essSurrogate: ess,
      maxWeight: largest,
    };
  });
  return columnsOf(each);
}

function softmax(exponents: readonly number[]): {
  readonly weights: number[];
  readonly logSum: number;
  readonly ess: number;
  readonly largest: number;
} {
  const most = exponents.reduce((a, b) => Math.max(a, b));
  const unscaled = exponents.map((x) => Math.exp(x - most));
  const sum = unscaled.reduce((a, b) => a + b);
  const weights = unscaled.map((e) => e / sum);
  return {
    weights,
    logSum: most + Math.log(sum),
    ess: 1 / weights.reduce((total, w) => total + w * w, 0),
    largest: 1 / sum,
  };
}

/** The largest differences: of what is in nats, and of weights as shares of them. */
export interface Agreement {
  readonly nats: number;
  readonly weights: number;
}

/**
 * How far two sides are apart, and that it is no further than allowed.
 * @param rows the observations that `b` is of, where it is not of all.
 * @throws Error where it is further.
 */
export function agree(
  what: string,
  a: ComparedEstimates,
  b: ComparedEstimates,
  { allowed, rows }: { readonly allowed: Agreement; readonly rows?: readonly number[] },
): Agreement {
  const furthest = (name: Name, scale: (x: number) => number): number => {
    const [mine, other] = [a[name], b[name]];
    let most = 0;
    for (let i = 0; i < other.length; i++) {
      const x = other[i] as number;
      const off = Math.abs((mine[rows ? (rows[i] as number) : i] as number) - x) / scale(x);
      if (!(off <= most)) most = off; // a NaN stays
    }
    return most;
  };
  const found = {
    nats: Math.max(...NATS.map((name) => furthest(name, () => 1))),
    weights: Math.max(...WEIGHTS.map((name) => furthest(name, Math.abs))),
  };
  if (!(found.nats <= allowed.nats && found.weights <= allowed.weights))
    throw new Error(
      `bench: ${what} differ by ${found.nats.toExponential(2)} nats and ${found.weights.toExponential(2)} of their weights, allowed ${allowed.nats} and ${allowed.weights}; no timing of a wrong result`,
    );
  return found;
}

/** Some observations, from the first to the last. */
export function someRows(n: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => Math.floor((i * (n - 1)) / Math.max(1, count - 1)));
}
