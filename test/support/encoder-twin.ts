/**
 * A step of an encoder's training in float64 and plain loops, from the formulas of the estimator:
 *   x_k = μ(y) + T(y) ε_k      s_k = −l(y, G(x_k))/λ + log N(x_k; 0, I) − log q(x_k)      w = softmax_k s_k
 *   loss, whose gradient the step takes:  −(1/n) Σ_ik w_ik² s_ik,  w held, and q held but for where x_k comes from it
 * Images are those of the batch order with the model's own samples in the place of the last.
 */
import { sampleAt } from '../../src/data/batch-order.ts';
import { type Dataset, rows } from '../../src/data/dataset.ts';
import { threefryNormals } from '../../src/data/random.ts';
import { encoderNetwork } from '../../src/gan/encoder.ts';
import { simulatedOf } from '../../src/gan/encoder-step.ts';
import type { EncoderTraining } from '../../src/gan/model.ts';
import { STREAMS } from '../../src/gan/streams.ts';
import { sizeOf } from '../../src/graph/graph.ts';
import { type Architecture, networksOf } from '../../src/nn/architectures.ts';
import type { Layer } from '../../src/nn/layers.ts';
import { gaussianProposal, gaussianProposalGradient } from '../reference/gaussian-proposal.ts';
import { importanceBoundGradients, importanceBounds } from '../reference/importance-bound.ts';
import { observationNoise } from '../reference/observation-noise.ts';
import { rowCost, rowCostGradient } from '../reference/row-cost.ts';
import type { Round } from './case.ts';
import { type Passed, type Tensors, backward, forward } from './stack-twin.ts';

export interface EncoderStepInputs {
  readonly architecture: Architecture;
  readonly layers: readonly Layer[];
  readonly training: EncoderTraining;
  readonly generator: Tensors;
  readonly encoder: Tensors;
  /** y, [n, d], and ε, [n·K, r]. */
  readonly images: Float64Array;
  readonly noise: Float64Array;
}

/** Proposals and their weights w² as they are at some weights of the encoder, [n, width] and [n·K]. */
export interface Held {
  readonly proposals: Float64Array;
  readonly squares: Float64Array;
}

const exactly: Round = (x) => x;

/** Images and noise of the `draw`-th step. */
export function encoderDrawOf(
  architecture: Architecture,
  training: EncoderTraining,
  generator: Tensors,
  dataset: Dataset,
  draw: number,
): Pick<EncoderStepInputs, 'images' | 'noise'> {
  const { batch, samples, seed, cost, lambda } = training;
  const d = sizeOf(architecture.sample);
  const simulated = simulatedOf(training);
  const images = new Float64Array(batch * d);
  for (let b = 0; b < batch; b++) {
    const position = draw * (batch - simulated) + b;
    const epoch = Math.floor(position / dataset.count);
    const key = [seed, STREAMS.encoderBatches] as const;
    const index = sampleAt(position % dataset.count, epoch, dataset.count, key);
    images.set(rows(dataset, index, 1), b * d);
  }
  const x = threefryNormals(simulated * architecture.latent, [seed, STREAMS.simulatedLatents], draw);
  const { output } = forward(networksOf(architecture).generator.stack, generator, x);
  const spread = { l1: lambda, squared: Math.sqrt(lambda / 2), 'half-squared': Math.sqrt(lambda) }[cost];
  const source = {
    laplace: cost === 'l1',
    spread,
    key: [seed, STREAMS.simulatedNoise],
    counter: draw,
  } as const;
  return {
    images: observationNoise(images, output, source, exactly),
    noise: threefryNormals(batch * samples * architecture.latent, [seed, STREAMS.encoderProposals], draw),
  };
}

function evaluated(inputs: EncoderStepInputs) {
  const { architecture, layers, training, generator, encoder, images, noise } = inputs;
  const { batch: n, samples: group, cost, lambda } = training;
  const r = architecture.latent;
  const sizes = { n, group, r };
  const encoded: Passed = forward(encoderNetwork(architecture, layers).stack, encoder, images);
  const proposals = encoded.output;
  const { latents, logQ } = gaussianProposal(sizes, proposals, noise, exactly);
  const generated = forward(networksOf(architecture).generator.stack, generator, latents);
  const pairs = { rows: n * group, columns: sizeOf(architecture.sample), group, cost };
  const costs = rowCost(pairs, images, generated.output, exactly);
  const bounds = { ...sizes, lambda, cost: costs, latents, logQ };
  return { encoded, proposals, generated, pairs, bounds, ...importanceBounds(bounds, exactly) };
}

/** What the loss holds, at these weights. */
export function heldAt(inputs: EncoderStepInputs): Held {
  const { proposals, weights } = evaluated(inputs);
  return { proposals, squares: weights.map((w) => w * w) };
}

/** log N(x; μ, TTᵀ) of each row, by forward substitution. */
function logDensities(
  proposals: Float64Array,
  latents: Float64Array,
  group: number,
  r: number,
): Float64Array {
  const width = proposals.length / (latents.length / r / group);
  return Float64Array.from({ length: latents.length / r }, (_, row) => {
    const at = Math.floor(row / group) * width;
    const e = new Float64Array(r);
    let sum = -0.5 * r * Math.log(2 * Math.PI);
    for (let i = 0; i < r; i++) {
      const factor = at + r + (i * (i + 1)) / 2;
      let left = latents[row * r + i]! - proposals[at + i]!;
      for (let j = 0; j < i; j++) left -= proposals[factor + j]! * e[j]!;
      e[i] = left / Math.exp(proposals[factor + i]!);
      sum -= 0.5 * e[i]! ** 2 + proposals[factor + i]!;
    }
    return sum;
  });
}

/** The loss as a function of the encoder's weights, the rest held. */
export function encoderLoss(inputs: EncoderStepInputs, { proposals, squares }: Held): number {
  const { bounds } = evaluated(inputs);
  const { latents, cost, lambda, n, group, r } = bounds;
  const logQ = logDensities(proposals, Float64Array.from(latents), group, r);
  return squares.reduce((sum, square, row) => {
    let norm = 0;
    for (let c = 0; c < r; c++) norm += latents[row * r + c]! ** 2;
    return sum - (square * (-cost[row]! / lambda - 0.5 * norm - logQ[row]!)) / n;
  }, 0);
}

/** Its gradient by the chain rule. */
export function encoderGradients(inputs: EncoderStepInputs): Tensors {
  const { architecture, layers, generator, encoder, images, noise } = inputs;
  const { encoded, proposals, generated, pairs, bounds } = evaluated(inputs);
  const direct = importanceBoundGradients(bounds, proposals, noise, exactly);
  const upstream = rowCostGradient(pairs, images, generated.output, direct.cost, exactly);
  const unused = new Map<string, Float64Array>();
  const through = backward(networksOf(architecture).generator.stack, generator, generated, upstream, unused);
  const dx = through.map((value, i) => value + direct.latents[i]!);
  const dq = new Float64Array(bounds.n * bounds.group);
  const gradient = gaussianProposalGradient(bounds, proposals, noise, dx, dq, exactly);
  const into = new Map<string, Float64Array>();
  backward(encoderNetwork(architecture, layers).stack, encoder, encoded, gradient, into);
  return into;
}
