/**
 * Pareto k̂ of the largest importance weights (PSIS; Vehtari, Simpson, Gelman, Yao & Gabry 2024): a generalised Pareto
 * fitted to the M = ⌈min(S/5, 3√S)⌉ largest of S weights above the next largest. Above 0.7 a mean of the weights, and
 * with it the likelihood estimate, is not to be trusted.
 *   fit (Zhang & Stephens 2009) of exceedances x₁ ≤ … ≤ x_M:  b_j = 1/x_M + (1 − √(m/(j − ½)))/(3 x_q), j = 1..m,
 *     m = 30 + ⌊√M⌋, q = ⌊M/4 + ½⌋;  k(b) = mean log(1 − b x);  b̂ = Σ b_j softmax_j[M (log(−b_j/k(b_j)) − k(b_j) − 1)]
 *   k̂ = (M k(b̂) + 5)/(M + 10)                                   shrunk towards ½ where M is small
 */

/** Weights that count as the tail of `count`, M. */
export function tailLength(count: number): number {
  return Math.ceil(Math.min(count / 5, 3 * Math.sqrt(count)));
}

/** A fit to fewer exceedances says nothing. */
const FEWEST_EXCEEDANCES = 5;

/**
 * k̂ of `count` weights.
 * @param largestLogWeights the M + 1 largest, rising, up to a common constant; of more the largest M + 1 are taken, of
 *   fewer all, the smallest as cutoff.
 * @returns k̂, or NaN where there is nothing to fit: fewer than 5 weights above the cutoff, or none different from it.
 */
export function paretoK(largestLogWeights: ArrayLike<number>, count: number): number {
  const length = Math.min(tailLength(count), largestLogWeights.length - 1);
  if (length < FEWEST_EXCEEDANCES) return Number.NaN;
  const last = largestLogWeights.length - 1;
  const largest = largestLogWeights[last] as number;
  const cutoff = Math.exp((largestLogWeights[last - length] as number) - largest);
  const exceedances = Float64Array.from(
    { length },
    (_, i) => Math.exp((largestLogWeights[last - length + 1 + i] as number) - largest) - cutoff,
  );
  if (!((exceedances[length - 1] as number) > 0)) return Number.NaN;
  const k = paretoShape(exceedances);
  return (length * k + 5) / (length + 10);
}

/** Weights this far below the largest have underflowed; the fit divides by them. */
const SMALLEST = 1e-300;

/** Below this |b|·x, 1 − b·x has lost digits of b·x. */
const NEAR_ONE = 1e-3;
/** What is multiplied up before a logarithm is taken: a factor of the least or the greatest size may come on top. */
const [LEAST_PRODUCT, GREATEST_PRODUCT] = [1e-200, 1e7];

/** Σ log(1 − b·x) over rising exceedances, by few logarithms. */
function sumOfLogs(exceedances: Float64Array, b: number): number {
  const greatest = exceedances.at(-1) as number;
  if (Math.abs(b) * greatest < NEAR_ONE) return exceedances.reduce((sum, x) => sum + Math.log1p(-b * x), 0);
  let sum = 0;
  let product = 1;
  for (const x of exceedances) {
    product *= 1 - b * x;
    if (product > LEAST_PRODUCT && product < GREATEST_PRODUCT) continue;
    sum += Math.log(product);
    product = 1;
  }
  return sum + Math.log(product);
}

/** The shape k of a generalised Pareto fitted to rising exceedances; positive for a heavy tail. */
function paretoShape(exceedances: Float64Array): number {
  const n = exceedances.length;
  const m = 30 + Math.floor(Math.sqrt(n));
  const greatest = exceedances[n - 1] as number;
  const quartile = Math.max(SMALLEST, exceedances[Math.floor(n / 4 + 0.5) - 1] as number);
  const mean = exceedances.reduce((sum, x) => sum + x, 0) / n;
  const shapeAt = (b: number): number => sumOfLogs(exceedances, b) / n;
  const candidates = Float64Array.from(
    { length: m },
    (_, i) => 1 / greatest + (1 - Math.sqrt(m / (i + 0.5))) / (3 * quartile),
  );
  const profile = candidates.map((b) => {
    const k = shapeAt(b);
    // As b → 0 the Pareto becomes an exponential, and −b/k the inverse of its mean.
    return n * (Math.log(b === 0 ? 1 / mean : -b / k) - k - 1);
  });
  const best = profile.reduce((a, b) => Math.max(a, b));
  let total = 0;
  let weighted = 0;
  candidates.forEach((b, i) => {
    const weight = Math.exp((profile[i] as number) - best);
    total += weight;
    weighted += weight * b;
  });
  return shapeAt(weighted / total);
}
