/**
 * Independent banks of latents. The K latents of a score are split into B banks, and the reduction keeps a state for
 * each, so that the spread between banks tells how far the estimate is off. States are sums relative to a maximum: they
 * merge on the host in float64 into the state of all latents. Layout of a state: shaders/lib/likelihood_state.wgsl.
 *   L without bank b = log C + log Σ_{c≠b} Σ_{k in c} eˢ − log(K − K_b)
 *   standard error of L_K = √((B − 1)/B Σ_b (L_−b − L̄)²)        the delete-a-group jackknife (Kott 2001)
 */
import { STATE_FLOATS } from '../ops/log-likelihood.ts';
import type { State } from './finish.ts';
import { jackknifeVariance } from './interval.ts';

/** Enough for a rough standard error, few enough to cost little. */
const BANKS = 8;

/**
 * Where each bank of `count` latents starts, and at last `count` itself. Starts are even, so that a bank begins with a
 * block of random numbers whatever the number of latent dimensions; sizes differ by 3 at most.
 */
export function bankBounds(count: number): number[] {
  const banks = Math.max(1, Math.min(BANKS, Math.floor(count / 2)));
  return Array.from({ length: banks + 1 }, (_, b) =>
    b === banks ? count : 2 * Math.floor((b * count) / banks / 2),
  );
}

/** One family of weights in a state: where its maximum is (its Σe follows), and its other sums. */
interface Family {
  readonly max: number;
  /** Whether its maximum is relative to the reference critic value, float 3. */
  readonly relative: boolean;
  /** Sums of e^x times anything, of e^2x, and of e^x (x − max). */
  readonly sums: readonly number[];
  readonly squares?: number;
  readonly gap?: number;
}

const FAMILIES: readonly Family[] = [
  { max: 0, relative: false, sums: [1], squares: 2 },
  { max: 4, relative: true, sums: [5, 8, 9, 10], squares: 6, gap: 7 },
  { max: 12, relative: true, sums: [13, 15], gap: 14 },
];

/** The states of all latents together, [n, 16], from those of each bank, [n, 16]. */
export function mergeStates(banks: readonly State[], lambda: number): Float64Array {
  const merged = Float64Array.from(banks[0] ?? []);
  for (const bank of banks.slice(1)) {
    for (let at = 0; at < merged.length; at += STATE_FLOATS) {
      const mine = merged.subarray(at, at + STATE_FLOATS);
      const other = Float64Array.from(bank.subarray(at, at + STATE_FLOATS));
      const shift = ((other[3] as number) - (mine[3] as number)) / lambda;
      for (const family of FAMILIES) addFamily(mine, other, family, family.relative ? shift : 0);
    }
  }
  return merged;
}

function addFamily(
  mine: Float64Array,
  other: Float64Array,
  { max, sums, squares, gap }: Family,
  shift: number,
): void {
  const most = Math.max(mine[max] as number, (other[max] as number) - shift);
  const below = [(mine[max] as number) - most, (other[max] as number) - shift - most] as const;
  const keep = [Math.exp(below[0]), Math.exp(below[1])] as const;
  const add = (float: number, a: number, b: number): void => {
    mine[float] = (mine[float] as number) * a + (other[float] as number) * b;
  };
  if (gap !== undefined) {
    const moved = (state: Float64Array, by: number): number =>
      (state[gap] as number) + by * (state[max + 1] as number);
    mine[gap] = moved(mine, below[0]) * keep[0] + moved(other, below[1]) * keep[1];
  }
  for (const float of sums) add(float, ...keep);
  if (squares !== undefined) add(squares, keep[0] ** 2, keep[1] ** 2);
  mine[max] = most;
}

/**
 * The importance estimates from all banks but one, an array over observations for each bank; none for a single bank.
 * @param bounds as from `bankBounds`; @param logC log C of the model.
 */
export function importanceWithoutBank(
  banks: readonly State[],
  bounds: readonly number[],
  logC: number,
): Float64Array[] {
  if (banks.length < 2) return [];
  const count = bounds.at(-1) as number;
  return banks.map((left, b) => {
    const remaining = count - ((bounds[b + 1] as number) - (bounds[b] as number));
    return Float64Array.from({ length: left.length / STATE_FLOATS }, (_, i) => {
      const others = banks
        .filter((bank) => bank !== left)
        .map((bank) => bank.subarray(i * STATE_FLOATS, i * STATE_FLOATS + 2));
      const max = others.reduce((most, [x = 0]) => Math.max(most, x), Number.NEGATIVE_INFINITY);
      const sum = others.reduce((total, [x = 0, weights = 0]) => total + weights * Math.exp(x - max), 0);
      return logC + (max + Math.log(sum) - Math.log(remaining));
    });
  });
}

/** Standard error of every importance estimate, from those without each bank; NaN where there is but one bank. */
export function standardErrors(withoutBank: readonly Float64Array[], n: number): Float64Array {
  if (withoutBank.length < 2) return new Float64Array(n).fill(Number.NaN);
  return Float64Array.from({ length: n }, (_, i) =>
    Math.sqrt(jackknifeVariance(withoutBank.map((estimates) => estimates[i] as number))),
  );
}
