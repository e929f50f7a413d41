/**
 * What annealing does at each of its temperatures, decided on the host before any chain runs (docs/mathematics.md §4):
 *   β_t = (σ(δ(2t/T − 1)) − σ(−δ)) / (σ(δ) − σ(−δ)),  t = 0 … T,  δ = 4      few steps where little changes, most in between
 *   step sizes ε_t of pilot chains, smoothed over t: their logarithms' means over neighbours
 *   ε_t is multiplied by 1 + 0.2 (2 frac(tφ) − 1), φ the golden ratio, so that no direction's period is met twice in a row
 * Source: Wu, Burda, Salakhutdinov & Grosse, "On the quantitative analysis of decoder-based generative models", ICLR 2017.
 */

/** δ. */
const STEEPNESS = 4;

/** β_0 = 0 … β_T = 1, rising. */
export function temperatures(steps: number): Float64Array {
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  const least = sigmoid(-STEEPNESS);
  const range = sigmoid(STEEPNESS) - least;
  return Float64Array.from({ length: steps + 1 }, (_, t) =>
    t === steps ? 1 : (sigmoid(STEEPNESS * ((2 * t) / steps - 1)) - least) / range,
  );
}

const JITTER = 0.2;
const GOLDEN_RATIO = (1 + Math.sqrt(5)) / 2;

/**
 * What transition t's step size is multiplied by. A trajectory that is a whole number of a direction's periods long goes nowhere
 * in it, and step sizes change too slowly to leave such a place by themselves.
 */
export function stepScale(t: number): number {
  const share = (t * GOLDEN_RATIO) % 1;
  return 1 + JITTER * (2 * share - 1);
}

/** Neighbours on each side that a step size is smoothed over, as a share of all. */
const SMOOTHING = 1 / 40;

/**
 * Smoothed step sizes: geometric means over the neighbours t − h … t + h, fewer at the ends.
 * @param sizes [transitions, images], of pilot chains; a mean goes over the transitions.
 */
export function smoothed(sizes: Float32Array, images: number): Float32Array<ArrayBuffer> {
  const count = sizes.length / images;
  const reach = Math.max(1, Math.round(count * SMOOTHING));
  const result = new Float32Array(sizes.length);
  for (let image = 0; image < images; image++) {
    // Sums of logarithms before each transition.
    const before = new Float64Array(count + 1);
    for (let t = 0; t < count; t++)
      before[t + 1] = (before[t] as number) + Math.log(sizes[t * images + image] as number);
    for (let t = 0; t < count; t++) {
      const start = Math.max(0, t - reach);
      const end = Math.min(count, t + reach + 1);
      const sum = (before[end] as number) - (before[start] as number);
      result[t * images + image] = Math.exp(sum / (end - start));
    }
  }
  return result;
}
