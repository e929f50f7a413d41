/**
 * Independent banks of latents. The K latents of a score are split into B banks, and the reduction keeps a state for
 * each, so that the spread between banks tells how far the estimate is off. States are sums relative to a maximum: they
 * merge on the host in float64 into the state of all latents. Layout of a state: shaders/lib/likelihood_state.wgsl.
 *   L without bank b = log C + log Σ_{c≠b} Σ_{k in c} eˢ − log(K − K_b)
 *   standard error of L_K = √((B − 1)/B Σ_b (L_−b − L̄)²)        the delete-a-group jackknife (Kott 2001)
 * S without bank b is the surrogate of the merged states of the others; its spread is read in the same way.
 */
import { STATE_FLOATS } from '../ops/log-likelihood.ts';
import { type FinishOptions, type State, finishLikelihood } from './finish.ts';
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
      const shift = ((bank[at + 3] as number) - (merged[at + 3] as number)) / lambda;
      for (const family of FAMILIES) addFamily(merged, bank, at, family, family.relative ? shift : 0);
    }
  }
  return merged;
}

/** Adds a family of the state at `at` in `other` to the one at the same place in `mine`. No allocation: there are many. */
function addFamily(
  mine: Float64Array,
  other: State,
  at: number,
  { max, sums, squares, gap }: Family,
  shift: number,
): void {
  const top = mine[at + max] as number;
  const otherTop = (other[at + max] as number) - shift;
  const most = Math.max(top, otherTop);
  const keep = Math.exp(top - most);
  const otherKeep = Math.exp(otherTop - most);
  if (gap !== undefined) {
    const moved = (mine[at + gap] as number) + (top - most) * (mine[at + max + 1] as number);
    const otherMoved = (other[at + gap] as number) + (otherTop - most) * (other[at + max + 1] as number);
    mine[at + gap] = moved * keep + otherMoved * otherKeep;
  }
  for (const sum of sums)
    mine[at + sum] = (mine[at + sum] as number) * keep + (other[at + sum] as number) * otherKeep;
  if (squares !== undefined)
    mine[at + squares] =
      (mine[at + squares] as number) * keep ** 2 + (other[at + squares] as number) * otherKeep ** 2;
  mine[at + max] = most;
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

/** The surrogates from all banks but one, as `importanceWithoutBank`; of states that were accumulated with a critic. */
export function surrogateWithoutBank(
  banks: readonly State[],
  bounds: readonly number[],
  options: Omit<FinishOptions, 'count' | 'tail'> & { readonly r: number; readonly given: boolean },
): Float64Array[] {
  if (banks.length < 2) return [];
  const count = bounds.at(-1) as number;
  return banks.map((left, b) => {
    const others = banks.filter((bank) => bank !== left);
    const remaining = count - ((bounds[b + 1] as number) - (bounds[b] as number));
    return finishLikelihood(mergeStates(others, options.lambda), { ...options, count: remaining }).surrogate;
  });
}

/** Standard error of every importance estimate, from those without each bank; NaN where there is but one bank. */
export function standardErrors(withoutBank: readonly Float64Array[], n: number): Float64Array {
  if (withoutBank.length < 2) return new Float64Array(n).fill(Number.NaN);
  return Float64Array.from({ length: n }, (_, i) =>
    Math.sqrt(jackknifeVariance(withoutBank.map((estimates) => estimates[i] as number))),
  );
}
