/**
 * Float64 twin of the parts of a transition of Hamiltonian Monte Carlo on U(x) = strength·l(x) + ½‖x‖²; chains are rows:
 *   p′ = p − kick·ε·(x + strength·g)      x′ = x + drift·ε·p′      ε = scale·sizes[first + ⌊chain/group⌋]
 *   ΔH = strength·(l′ − l) + ½ Σ [(x′ − x)(x′ + x) + (p′ − p)(p′ + p)]      a = min(1, exp(−ΔH)), 0 where ΔH is not finite
 *   w ← (fresh ? 0 : w) − increment·l, l ← u ≤ a ? l′ : l      (x, p, g) ← u ≤ a ? (x′, p′, g′) : (x, −p, g)
 *   p ← α·p + √(1 − α²)·n, α = 1/(1 + rate·ε); or, all anew, p ← n
 *   rates[first + i] = ā_i      sizes[first + groups + i] = clamp(ε_i exp(gain (ā_i − wanted)), least, most)
 */
import type { Round } from '../support/case.ts';

type Numbers = ArrayLike<number>;

export interface Leapfrog {
  readonly r: number;
  readonly group: number;
  readonly first: number;
  readonly strength: number;
  readonly scale: number;
  readonly kick: number;
  readonly drift: number;
}

export function leapfrog(
  { r, group, first, strength, scale, kick, drift }: Leapfrog,
  positions: Numbers,
  momenta: Numbers,
  gradients: Numbers,
  sizes: Numbers,
  round: Round,
): { positions: Float64Array; momenta: Float64Array } {
  const moved = new Float64Array(positions.length);
  const kicked = new Float64Array(positions.length);
  for (let i = 0; i < positions.length; i++) {
    const size = round(scale * sizes[first + Math.floor(i / r / group)]!);
    const x = positions[i]!;
    const force = round(x + round(strength * gradients[i]!));
    const p = round(momenta[i]! - round(round(kick * size) * force));
    kicked[i] = p;
    moved[i] = round(x + round(round(drift * size) * p));
  }
  return { positions: moved, momenta: kicked };
}

export interface Priced {
  readonly positions: Numbers;
  readonly momenta: Numbers;
  readonly costs: Numbers;
}

/** [rows, 2]: a, and whether u ≤ a. */
export function accept(
  strength: number,
  before: Priced,
  after: Priced,
  uniforms: Numbers,
  round: Round,
): Float64Array {
  const rows = uniforms.length;
  const r = before.positions.length / rows;
  const outcomes = new Float64Array(2 * rows);
  const difference = (a: number, b: number): number => round(round(a - b) * round(a + b));
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let i = row * r; i < (row + 1) * r; i++) {
      const ofPositions = difference(after.positions[i]!, before.positions[i]!);
      sum = round(sum + round(ofPositions + difference(after.momenta[i]!, before.momenta[i]!)));
    }
    const ofCosts = round(strength * round(after.costs[row]! - before.costs[row]!));
    const change = round(ofCosts + 0.5 * sum);
    const chance = Number.isFinite(change) ? round(Math.exp(Math.min(0, Math.max(-80, -change)))) : 0;
    outcomes[2 * row] = chance;
    outcomes[2 * row + 1] = Number(uniforms[row]! <= chance);
  }
  return outcomes;
}

/** In place. @param first where the row of step sizes begins; @param group chains that share one. */
export function refresh(
  { r, group, first, rate, anew }: { r: number; group: number; first: number; rate: number; anew: boolean },
  momenta: Float64Array,
  noise: Numbers,
  sizes: Numbers,
  round: Round,
): void {
  for (let i = 0; i < momenta.length; i++) {
    const size = sizes[first + Math.floor(i / r / group)]!;
    const u = round(rate * size);
    const fresh = round(Math.sqrt(round(u * round(2 + u))));
    const kept = round(round(momenta[i]! + round(fresh * noise[i]!)) / round(1 + u));
    momenta[i] = anew ? noise[i]! : kept;
  }
}

/** In place. */
export function weigh(
  { costs, weights }: { readonly costs: Float64Array; readonly weights: Float64Array },
  reached: Numbers,
  outcomes: Numbers,
  { increment, fresh }: { readonly increment: number; readonly fresh: boolean },
  round: Round,
): void {
  for (let row = 0; row < costs.length; row++) {
    weights[row] = round((fresh ? 0 : weights[row]!) - round(increment * costs[row]!));
    if (outcomes[2 * row + 1] === 1) costs[row] = reached[row]!;
  }
}

export interface Moving<N = Float64Array> {
  readonly positions: N;
  readonly momenta: N;
  readonly gradients: N;
}

/** In place. */
export function select(chains: Moving, after: Moving<Numbers>, outcomes: Numbers): void {
  const r = chains.positions.length / (outcomes.length / 2);
  for (let i = 0; i < chains.positions.length; i++) {
    const taken = outcomes[2 * Math.floor(i / r) + 1] === 1;
    chains.momenta[i] = taken ? after.momenta[i]! : -chains.momenta[i]!;
    if (!taken) continue;
    chains.positions[i] = after.positions[i]!;
    chains.gradients[i] = after.gradients[i]!;
  }
}

export interface Adaptation {
  readonly group: number;
  readonly first: number;
  readonly gain: number;
  readonly wanted: number;
  readonly least: number;
  readonly most: number;
}

/** In place. */
export function adapt(
  { group, first, gain, wanted, least, most }: Adaptation,
  outcomes: Numbers,
  rates: Float64Array,
  sizes: Float64Array,
  round: Round,
): void {
  const groups = outcomes.length / 2 / group;
  for (let i = 0; i < groups; i++) {
    let sum = 0;
    for (let chain = i * group; chain < (i + 1) * group; chain++) sum = round(sum + outcomes[2 * chain]!);
    const mean = round(sum / group);
    rates[first + i] = mean;
    if (!(gain > 0)) continue;
    const factor = round(Math.exp(round(gain * round(mean - wanted))));
    sizes[first + groups + i] = Math.min(most, Math.max(least, round(sizes[first + i]! * factor)));
  }
}
