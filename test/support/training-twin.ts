/**
 * Both steps of training in float64 and plain loops, from the formulas of the model:
 *   fake = G(x), D₁(real), D₂(fake),  v_ij = D₁(y_i) − D₂(ŷ_j) − l(y_i, ŷ_j)
 *   critic step:     loss −J           generator step:  loss J (dual), or mean p_ij·l(y_i, ŷ_j) with p held (primal)
 * with the batch order and the latents of src/data. Matrices are row-major Float64Arrays.
 */
import { sampleAt } from '../../src/data/batch-order.ts';
import { type Dataset, rows } from '../../src/data/dataset.ts';
import { threefryNormals } from '../../src/data/random.ts';
import type { Weights } from '../../src/gan/model.ts';
import type { Cost, Form, GeneratorLoss, TrainerSettings } from '../../src/gan/settings.ts';
import { STREAMS } from '../../src/gan/streams.ts';
import { sizeOf } from '../../src/graph/graph.ts';
import { type Networks, networksOf } from '../../src/nn/architectures.ts';
import { type Passed, type Tensors, backward, forward } from './stack-twin.ts';

/** What one step is about. */
export interface StepInputs {
  readonly settings: TrainerSettings;
  readonly lambda: number;
  /** y, [batch, d], and x, [batch, r]. */
  readonly real: Float64Array;
  readonly latents: Float64Array;
  readonly generator: Tensors;
  readonly critic: Tensors;
}

export function tensorsOf(weights: Weights): Tensors {
  return new Map([...weights].map(([name, { data }]) => [name, Float64Array.from(data)]));
}

/** Batch and latents of the `draw`-th step since the start. */
export function drawOf(
  settings: TrainerSettings,
  dataset: Dataset,
  draw: number,
): { real: Float64Array; latents: Float64Array } {
  const { batch, seed, model } = settings;
  const d = sizeOf(model.sample);
  const real = new Float64Array(batch * d);
  for (let b = 0; b < batch; b++) {
    const position = draw * batch + b;
    const epoch = Math.floor(position / dataset.count);
    const index = sampleAt(position % dataset.count, epoch, dataset.count, [seed, STREAMS.batches]);
    real.set(rows(dataset, index, 1), b * d);
  }
  return { real, latents: threefryNormals(batch * model.latent, [seed, STREAMS.latents], draw) };
}

/** l(y, ŷ). */
function costOf(cost: Cost, y: Float64Array, fake: Float64Array): number {
  if (cost === 'cosine') return 100 * (1 - cosine(y, fake));
  const scale = cost === 'half-squared' ? 0.5 : 1;
  return scale * y.reduce((sum, value, k) => sum + Math.abs(fake[k]! - value) ** (cost === 'l1' ? 1 : 2), 0);
}

/** ∂l/∂ŷ. */
function costSlopes(cost: Cost, y: Float64Array, fake: Float64Array): Float64Array {
  if (cost === 'cosine') {
    const [ofY, ofFake] = [Math.hypot(...y), Math.hypot(...fake)];
    const cos = cosine(y, fake);
    return fake.map((value, k) => -100 * (y[k]! / (ofY * ofFake) - (cos * value) / ofFake ** 2));
  }
  return fake.map((value, k) => {
    const difference = value - y[k]!;
    if (cost === 'l1') return Math.sign(difference);
    return (cost === 'half-squared' ? 1 : 2) * difference;
  });
}

function cosine(a: Float64Array, b: Float64Array): number {
  return (
    a.reduce((sum, value, k) => sum + value * b[k]!, 0) / Math.max(Math.hypot(...a) * Math.hypot(...b), 1e-12)
  );
}

/** J of a batch, its coupling p [n, m] and diagnostics. */
export interface Objective {
  readonly objective: number;
  readonly penalty: number;
  readonly p: Float64Array;
  readonly costs: Float64Array;
  readonly meanP: number;
  readonly maxRowError: number;
  readonly maxColError: number;
  readonly meanPLogP: number;
  readonly transportCost: number;
  readonly meanCriticReal: number;
  readonly meanCriticFake: number;
}

export function objectiveOf(
  pairs: { real: Float64Array; fake: Float64Array; criticReal: Float64Array; criticFake: Float64Array },
  cost: Cost,
  form: Form,
  lambda: number,
): Objective {
  const { real, fake, criticReal, criticFake } = pairs;
  const n = criticReal.length;
  const m = criticFake.length;
  const d = real.length / n;
  const costs = new Float64Array(n * m);
  const v = new Float64Array(n * m);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++) {
      const l = costOf(cost, real.subarray(i * d, i * d + d), fake.subarray(j * d, j * d + d));
      costs[i * m + j] = l;
      v[i * m + j] = criticReal[i]! - criticFake[j]! - l;
    }
  const top = v.reduce((most, x) => Math.max(most, x), -Infinity) / lambda;
  const meanExp = mean(v.map((x) => Math.exp(x / lambda - top)));
  const p = v.map((x) => {
    if (form === 'hinge') return Math.max(x, 0) / lambda;
    return form === 'exp' ? Math.exp(x / lambda - 1) : Math.exp(x / lambda - top) / meanExp;
  });
  const penalty = {
    exp: lambda * mean(p),
    logmeanexp: lambda * (top + Math.log(meanExp)),
    hinge: (lambda / 2) * mean(p.map((x) => x * x)),
  }[form];
  const rowMeans = Array.from({ length: n }, (_, i) => mean(p.subarray(i * m, i * m + m)));
  const colMeans = Array.from({ length: m }, (_, j) => mean(p.filter((_, at) => at % m === j)));
  const error = (means: number[]): number => Math.max(...means.map((x) => Math.abs(x - 1)));
  return {
    objective: mean(criticReal) - mean(criticFake) - penalty,
    penalty,
    p,
    costs,
    meanP: mean(p),
    maxRowError: error(rowMeans),
    maxColError: error(colMeans),
    meanPLogP: mean(p.map((x) => (x > 0 ? x * Math.log(x) : 0))),
    transportCost: mean(p.map((x, at) => x * costs[at]!)),
    meanCriticReal: mean(criticReal),
    meanCriticFake: mean(criticFake),
  };
}

function mean(values: Float64Array): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}

interface Evaluated {
  readonly networks: Networks;
  readonly fake: Passed;
  readonly trunkReal: Passed | undefined;
  readonly trunkFake: Passed | undefined;
  readonly headReal: Passed;
  readonly headFake: Passed;
  readonly objective: Objective;
}

function evaluate({ settings, lambda, real, latents, generator, critic }: StepInputs): Evaluated {
  const networks = networksOf(settings.model);
  const { trunk } = networks.critic;
  const fake = forward(networks.generator.stack, generator, latents);
  const trunkReal = trunk && forward(trunk, critic, real);
  const trunkFake = trunk && forward(trunk, critic, fake.output);
  const headReal = forward(networks.critic.real, critic, trunkReal?.output ?? real);
  const headFake = forward(networks.critic.fake, critic, trunkFake?.output ?? fake.output);
  const pairs = { real, fake: fake.output, criticReal: headReal.output, criticFake: headFake.output };
  const objective = objectiveOf(pairs, settings.cost, settings.form, lambda);
  return { networks, fake, trunkReal, trunkFake, headReal, headFake, objective };
}

/** J and its diagnostics at the weights of a step. */
export function stepObjective(inputs: StepInputs): Objective {
  return evaluate(inputs).objective;
}

/** Gradient of the critic step's loss −J with respect to the critics' weights. */
export function criticGradients(inputs: StepInputs): Tensors {
  const { networks, trunkReal, trunkFake, headReal, headFake, objective } = evaluate(inputs);
  const { trunk, real, fake } = networks.critic;
  const { gradReal, gradFake } = potentialGradients(objective, inputs.settings.batch);
  const into = new Map<string, Float64Array>();
  const negate = (x: Float64Array): Float64Array => x.map((value) => -value);
  const atReal = backward(real, inputs.critic, headReal, negate(gradReal), into);
  const atFake = backward(fake, inputs.critic, headFake, negate(gradFake), into);
  if (trunk) {
    backward(trunk, inputs.critic, trunkReal!, atReal, into);
    backward(trunk, inputs.critic, trunkFake!, atFake, into);
  }
  return into;
}

/** Gradient of the generator step's loss with respect to the generator's weights. */
export function generatorGradients(inputs: StepInputs): Tensors {
  const { networks, fake, trunkFake, headFake, objective } = evaluate(inputs);
  const { batch, cost, generatorLoss, model } = inputs.settings;
  const d = sizeOf(model.sample);
  const gradient = new Float64Array(fake.output.length);
  for (let i = 0; i < batch; i++)
    for (let j = 0; j < batch; j++) {
      const made = fake.output.subarray(j * d, j * d + d);
      costSlopes(cost, inputs.real.subarray(i * d, i * d + d), made).forEach((slope, k) => {
        gradient[j * d + k]! += (objective.p[i * batch + j]! * slope) / batch ** 2;
      });
    }
  if (generatorLoss === 'dual') {
    const { trunk, fake: head } = networks.critic;
    const { gradFake } = potentialGradients(objective, batch);
    const unused = new Map<string, Float64Array>();
    const atHead = backward(head, inputs.critic, headFake, gradFake, unused);
    const through = trunk ? backward(trunk, inputs.critic, trunkFake!, atHead, unused) : atHead;
    through.forEach((value, at) => (gradient[at]! += value));
  }
  const into = new Map<string, Float64Array>();
  backward(networks.generator.stack, inputs.generator, fake, gradient, into);
  return into;
}

/** ∂J/∂D₁ and ∂J/∂D₂. */
function potentialGradients(
  { p }: Objective,
  batch: number,
): { gradReal: Float64Array; gradFake: Float64Array } {
  const gradReal = new Float64Array(batch).fill(1 / batch);
  const gradFake = new Float64Array(batch).fill(-1 / batch);
  p.forEach((value, at) => {
    gradReal[Math.floor(at / batch)]! -= value / batch ** 2;
    gradFake[at % batch]! += value / batch ** 2;
  });
  return { gradReal, gradFake };
}

/** What the critic step descends on. */
export function criticLoss(inputs: StepInputs): number {
  return -stepObjective(inputs).objective;
}

/** What the generator step descends on; `held` is the coupling that the primal loss does not differentiate. */
export function generatorLossOf(inputs: StepInputs, loss: GeneratorLoss, held: Float64Array): number {
  const { objective, costs } = stepObjective(inputs);
  return loss === 'dual' ? objective : mean(costs.map((l, at) => held[at]! * l));
}
