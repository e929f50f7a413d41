/**
 * Both steps of training with a Wasserstein objective in float64 and plain loops, for dense layers:
 *   J = mean D(y) − mean D(ŷ) − 10·mean_i (‖∇D(x̂_i)‖ − 1)²      x̂ = ε·y + (1 − ε)·ŷ; the penalty in `wgan-gp` only
 *   critic step:     loss −J           generator step:  loss mean D(y) − mean D(ŷ)
 * One critic, the trunk and D₂'s layers, for all samples. With z_l = h_{l−1}W_l + b_l, h_l = f_l(z_l), the gradient by the
 * input is δ_0 of δ_L = 1, ζ_l = δ_l ⊙ f_l'(z_l), δ_{l−1} = ζ_l·W_lᵀ. The penalty's gradient by the weights goes back
 * through these equations, up, and then through those of h, down.
 */
import { threefryUniforms } from '../../src/data/random.ts';
import type { TrainerSettings } from '../../src/gan/settings.ts';
import { STREAMS } from '../../src/gan/streams.ts';
import { networksOf } from '../../src/nn/architectures.ts';
import type { Stack } from '../../src/nn/layers.ts';
import type { ActivationKind } from '../../src/ops/activation-kinds.ts';
import { activate, activationCurvature, activationDerivative } from '../reference/activation.ts';
import { interpolate } from '../reference/interpolate.ts';
import type { Round } from './case.ts';
import type { Tensors } from './stack-twin.ts';
import type { StepInputs } from './training-twin.ts';

const PENALTY_WEIGHT = 10;
const exactly: Round = (x) => x;

interface Dense {
  /** `trunk.0` and the like. */
  readonly name: string;
  readonly units: number;
  readonly activation: ActivationKind;
  readonly slope: number;
}

function denseLayers(stacks: readonly Stack[]): Dense[] {
  return stacks.flatMap(({ prefix, layers }) =>
    layers.map((layer, l): Dense => {
      if (layer.kind !== 'dense') throw new Error(`twin: ${prefix}.${l} is ${layer.kind}, must be dense`);
      const { units, activation = 'linear', slope = 0.2 } = layer;
      return { name: `${prefix}.${l}`, units, activation, slope };
    }),
  );
}

/** [rows, inner] · [inner, columns], the second transposed or not. */
function product(a: Float64Array, b: Float64Array, rows: number, transposeB = false): Float64Array {
  const inner = a.length / rows;
  const columns = b.length / inner;
  const out = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) {
      let sum = 0;
      for (let k = 0; k < inner; k++)
        sum += a[i * inner + k]! * b[transposeB ? j * inner + k : k * columns + j]!;
      out[i * columns + j] = sum;
    }
  return out;
}

/** into += aᵀ·b for a [rows, m], b [rows, n]. */
function addOuter(into: Float64Array, a: Float64Array, b: Float64Array, rows: number): void {
  const m = a.length / rows;
  const n = b.length / rows;
  for (let r = 0; r < rows; r++)
    for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) into[i * n + j]! += a[r * m + i]! * b[r * n + j]!;
}

/** h_0 = x, h_1, …, h_L. */
function outputs(layers: readonly Dense[], weights: Tensors, x: Float64Array, rows: number): Float64Array[] {
  const all = [x];
  for (const { name, units, activation, slope } of layers) {
    const bias = weights.get(`${name}.bias`);
    const z = product(all.at(-1)!, weights.get(`${name}.weight`)!, rows);
    all.push(z.map((sum, i) => activate(activation, sum + (bias?.[i % units] ?? 0), slope, exactly)));
  }
  return all;
}

const times = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, i) => value * b[i]!);

/** f_l'(z_l) by h_l. */
function slopesOf({ activation, slope }: Dense, h: Float64Array): Float64Array {
  return h.map((y) => activationDerivative(activation, y, slope, exactly));
}

/** f_l''(z_l) by h_l. */
function curvaturesOf(layer: Dense, h: Float64Array): Float64Array {
  return slopesOf(layer, h).map((slope, i) => slope * activationCurvature(layer.activation, h[i]!, exactly));
}

/** Gradients by name, begun with zeros. */
function zeros(weights: Tensors): Map<string, Float64Array> {
  return new Map([...weights].map(([name, { length }]) => [name, new Float64Array(length)]));
}

/**
 * Goes down the layers from dL/dh_L, with dL/dz_l of other origin added on the way: adds the gradients of the weights to
 * `into` and returns that of the input.
 */
function down(
  layers: readonly Dense[],
  weights: Tensors,
  h: readonly Float64Array[],
  gradient: Float64Array,
  into: Map<string, Float64Array>,
  rows: number,
  others?: readonly Float64Array[],
): Float64Array {
  for (let l = layers.length - 1; l >= 0; l--) {
    const layer = layers[l]!;
    const dz = times(gradient, slopesOf(layer, h[l + 1]!)).map((value, i) => value + (others?.[l]?.[i] ?? 0));
    addOuter(into.get(`${layer.name}.weight`)!, h[l]!, dz, rows);
    const bias = into.get(`${layer.name}.bias`);
    if (bias) dz.forEach((value, i) => (bias[i % layer.units]! += value));
    gradient = product(dz, weights.get(`${layer.name}.weight`)!, rows, true);
  }
  return gradient;
}

/** δ_0 … δ_L, the gradients of D of each row by h_0 … h_L; and ζ_1 … ζ_L. */
function inputGradients(
  layers: readonly Dense[],
  weights: Tensors,
  h: readonly Float64Array[],
  rows: number,
): { deltas: Float64Array[]; zetas: Float64Array[] } {
  const deltas: Float64Array[] = [new Float64Array(rows).fill(1)];
  const zetas: Float64Array[] = [];
  for (let l = layers.length - 1; l >= 0; l--) {
    const zeta = times(deltas[0]!, slopesOf(layers[l]!, h[l + 1]!));
    zetas.unshift(zeta);
    deltas.unshift(product(zeta, weights.get(`${layers[l]!.name}.weight`)!, rows, true));
  }
  return { deltas, zetas };
}

function normsOf(slopes: Float64Array, rows: number): Float64Array {
  const d = slopes.length / rows;
  return Float64Array.from({ length: rows }, (_, r) => Math.hypot(...slopes.subarray(r * d, (r + 1) * d)));
}

/** Adds the gradient of scale·Σ_i (‖∇D(x̂_i)‖ − 1)² by the critic's weights to `into`. */
function addPenaltyGradient(
  layers: readonly Dense[],
  weights: Tensors,
  between: Float64Array,
  scale: number,
  into: Map<string, Float64Array>,
  rows: number,
): void {
  const h = outputs(layers, weights, between, rows);
  const { deltas, zetas } = inputGradients(layers, weights, h, rows);
  const norms = normsOf(deltas[0]!, rows);
  const d = deltas[0]!.length / rows;
  let up: Float64Array = deltas[0]!.map((slope, i) => {
    const norm = norms[Math.floor(i / d)]!;
    return norm > 0 ? 2 * scale * (1 - 1 / norm) * slope : 0;
  });
  const others = layers.map((layer, l) => {
    const weight = weights.get(`${layer.name}.weight`)!;
    addOuter(into.get(`${layer.name}.weight`)!, up, zetas[l]!, rows); // δ_{l−1} = ζ_l·W_lᵀ
    const ofZeta = product(up, weight, rows);
    up = times(ofZeta, slopesOf(layer, h[l + 1]!));
    return times(times(ofZeta, deltas[l + 1]!), curvaturesOf(layer, h[l + 1]!));
  });
  down(layers, weights, h, new Float64Array(h.at(-1)!.length), into, rows, others);
}

const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The step's networks and samples. */
function begin({ settings, real, latents, generator, critic }: StepInputs) {
  const networks = networksOf(settings.model);
  const rows = settings.batch;
  const { trunk, fake: head } = networks.critic;
  const criticLayers = denseLayers([...(trunk ? [trunk] : []), head]);
  const generatorLayers = denseLayers([networks.generator.stack]);
  const made = outputs(generatorLayers, generator, latents, rows);
  const fake = made.at(-1)!;
  const d = (x: Float64Array): Float64Array[] => outputs(criticLayers, critic, x, rows);
  return { rows, criticLayers, generatorLayers, made, fake, ofReal: d(real), ofFake: d(fake) };
}

/** x̂ of the `draw`-th step. */
function pointsBetween(
  { seed, batch }: TrainerSettings,
  real: Float64Array,
  fake: Float64Array,
  draw: number,
): Float64Array {
  return interpolate(real, fake, threefryUniforms(batch, [seed, STREAMS.interpolation], draw), exactly);
}

export interface WassersteinObjective {
  /** Of the critic step, with the penalty. */
  readonly objective: number;
  readonly penalty: number;
  readonly meanCriticReal: number;
  readonly meanCriticFake: number;
}

export function stepObjective(inputs: StepInputs, draw: number): WassersteinObjective {
  const { settings, real, critic } = inputs;
  const { rows, criticLayers, fake, ofReal, ofFake } = begin(inputs);
  const meanCriticReal = mean(ofReal.at(-1)!);
  const meanCriticFake = mean(ofFake.at(-1)!);
  let penalty = 0;
  if (settings.objective === 'wgan-gp') {
    const between = pointsBetween(settings, real, fake, draw);
    const h = outputs(criticLayers, critic, between, rows);
    const norms = normsOf(inputGradients(criticLayers, critic, h, rows).deltas[0]!, rows);
    penalty = PENALTY_WEIGHT * mean(norms.map((norm) => (norm - 1) ** 2));
  }
  return { objective: meanCriticReal - meanCriticFake - penalty, penalty, meanCriticReal, meanCriticFake };
}

/** What the critic step descends on, and the generator step. */
export function criticLoss(inputs: StepInputs, draw: number): number {
  return -stepObjective(inputs, draw).objective;
}

export function generatorLoss(inputs: StepInputs): number {
  const { ofReal, ofFake } = begin(inputs);
  return mean(ofReal.at(-1)!) - mean(ofFake.at(-1)!);
}

/** Gradient of the critic step's loss by the critic's weights; zero for those of D₁ alone. */
export function criticGradients(inputs: StepInputs, draw: number): Tensors {
  const { settings, real, critic } = inputs;
  const { rows, criticLayers, fake, ofReal, ofFake } = begin(inputs);
  const into = zeros(critic);
  const each = (value: number): Float64Array => new Float64Array(rows).fill(value);
  down(criticLayers, critic, ofReal, each(-1 / rows), into, rows);
  down(criticLayers, critic, ofFake, each(1 / rows), into, rows);
  if (settings.objective === 'wgan-gp') {
    const between = pointsBetween(settings, real, fake, draw);
    addPenaltyGradient(criticLayers, critic, between, PENALTY_WEIGHT / rows, into, rows);
  }
  return into;
}

/** Gradient of the generator step's loss by the generator's weights. */
export function generatorGradients(inputs: StepInputs): Tensors {
  const { generator, critic } = inputs;
  const { rows, criticLayers, generatorLayers, made, ofFake } = begin(inputs);
  const unused = zeros(critic);
  const atFake = down(criticLayers, critic, ofFake, new Float64Array(rows).fill(-1 / rows), unused, rows);
  const into = zeros(generator);
  down(generatorLayers, generator, made, atFake, into, rows);
  return into;
}
