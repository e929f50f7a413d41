/**
 * The likelihood estimates of `logLikelihood`, written for tfjs: L_K, S_K with its components, effective sample sizes and
 * largest weights of N observations under K latents. The costs of a block of observations come as a matrix [rows, K], in
 * one of several formulations; each statistic is then a reduction over its columns. The data lie on the GPU beforehand, in
 * the order that each formulation wants; constants are added in float64 on the host.
 */
import type { Tensor2D } from '@tensorflow/tfjs';
import { logNormaliser } from '../../src/likelihood/log-normaliser.ts';
import { type ComparedEstimates, columnsOf } from '../likelihood-agreement.ts';
import type { ComparedCost, LikelihoodWorkload } from '../likelihood-workload.ts';
import type { Tfjs } from './backend.ts';

/** How the costs are computed, and for how many observations at a time. */
export interface Formulation {
  readonly name: string;
  readonly rows: number;
}

/** What costs can be computed from. */
interface Samples {
  /** [n, d] and [k, d], and transposed */
  readonly y: Tensor2D;
  readonly g: Tensor2D;
  readonly yT: Tensor2D;
  readonly gT: Tensor2D;
  /** [n, 1] and [1, k]: of every sample ½‖·‖² for half-squared, the sum of its values for l1 */
  readonly ofY: Tensor2D;
  readonly ofG: Tensor2D;
}

/** Costs [rows, k] of the observations from `start` on. */
type Costs = (tf: Tfjs, samples: Samples, start: number, rows: number) => Tensor2D;

interface Known {
  readonly costs: Costs;
  /** Observations at a time that are worth trying. Without a GPU a block should not take minutes. */
  readonly rows: { readonly software: readonly number[]; readonly hardware: readonly number[] };
}

/** ½‖y‖² + ½‖g‖² − y·g, given the products. */
function expanded(products: Costs): Costs {
  return (tf, samples, start, rows) =>
    tf.sub(sumsOf(tf, samples, start, rows), products(tf, samples, start, rows));
}

function sumsOf(tf: Tfjs, { ofY, ofG }: Samples, start: number, rows: number): Tensor2D {
  return tf.add(block(ofY, start, rows), ofG);
}

/** tfjs adds up so many tensors at a time at most, by WebGPU's 8 storage buffers. */
const MOST_ADDENDS = 7;

/** Σ over the columns p of a term of y_p [rows, 1] and g_p [1, k]: no intermediate is larger than the costs. */
function byColumn(term: (tf: Tfjs, y: Tensor2D, g: Tensor2D) => Tensor2D): Costs {
  return (tf, { yT, gT }, start, rows) => {
    const [d, k] = gT.shape;
    const column = (p: number): Tensor2D =>
      tf.tidy(() => term(tf, yT.slice([p, start], [1, rows]).reshape([rows, 1]), gT.slice([p, 0], [1, k])));
    let sum = column(0);
    for (let p = 1; p < d;) {
      const addends = [sum];
      for (; p < d && addends.length < MOST_ADDENDS; p++) addends.push(column(p));
      sum = tf.addN(addends);
      for (const each of addends) each.dispose();
    }
    return sum;
  };
}

/** The plainest first. */
const FORMULATIONS: Readonly<Record<ComparedCost, Readonly<Record<string, Known>>>> = {
  'half-squared': {
    'norms − y·gᵀ': {
      costs: expanded((tf, { y, g }, start, rows) => tf.matMul(block(y, start, rows), g, false, true)),
      rows: { software: [256], hardware: [256, 1024] },
    },
    'norms − y·gᵀ, gᵀ given': {
      costs: expanded((tf, { y, gT }, start, rows) => tf.matMul(block(y, start, rows), gT)),
      rows: { software: [256], hardware: [256, 1024] },
    },
    'norms − y·gᵀ, yᵀ and gᵀ given': {
      costs: expanded((tf, { yT, gT }, start, rows) =>
        tf.matMul(yT.slice([0, start], [yT.shape[0], rows]), gT, true, false),
      ),
      rows: { software: [64, 256, 1024], hardware: [256, 1024] },
    },
  },
  l1: {
    'Σ |y − g|': {
      costs: (tf, { y, g }, start, rows) =>
        tf.sum(tf.abs(tf.sub(block(y, start, rows).expandDims(1), g.expandDims(0))), 2),
      rows: { software: [1, 8], hardware: [8, 64] },
    },
    'Σ |y − g|, column by column': {
      costs: byColumn((tf, y, g) => tf.abs(tf.sub(y, g))),
      rows: { software: [16, 64], hardware: [256, 1024] },
    },
    'Σ y + g − 2 min(y, g), column by column': {
      costs: (tf, samples, start, rows) =>
        tf.sub(
          sumsOf(tf, samples, start, rows),
          tf.mul(byColumn((_, y, g) => tf.minimum(y, g))(tf, samples, start, rows), 2),
        ),
      rows: { software: [16, 64], hardware: [256, 1024] },
    },
  },
};

function block(x: Tensor2D, start: number, rows: number): Tensor2D {
  return start === 0 && rows === x.shape[0] ? x : x.slice([start, 0], [rows, x.shape[1]]);
}

/** Of an observation: max s, Σeˢ, Σe²ˢ, Σeᵗ, Σe²ᵗ, Σeᵗ(t − max t), Σeᵗs, Σeᵗ½‖x‖², exponents less their maximum. */
const STATISTICS = 8;

export class TfjsLikelihood implements Disposable {
  readonly #tf: Tfjs;
  readonly #workload: LikelihoodWorkload;
  readonly #samples: Samples;
  readonly #latents: Tensor2D;
  readonly #critic: Tensor2D;

  constructor(tf: Tfjs, workload: LikelihoodWorkload) {
    const { observations, generated, latents, criticFake } = workload;
    const matrix = ({ data, shape }: LikelihoodWorkload['latents']): Tensor2D =>
      tf.tensor2d(data, shape as [number, number]);
    const [y, g] = [matrix(observations), matrix(generated)];
    const ofEach = (x: Tensor2D): Tensor2D =>
      tf.tidy(() =>
        workload.cost === 'l1' ? tf.sum(x, 1, true) : tf.mul(tf.sum(tf.square(x), 1, true), 0.5),
      );
    this.#tf = tf;
    this.#workload = workload;
    this.#samples = {
      y,
      g,
      yT: tf.transpose(y),
      gT: tf.transpose(g),
      ofY: ofEach(y),
      ofG: tf.tidy(() => tf.transpose(ofEach(g))),
    };
    this.#latents = matrix(latents);
    this.#critic = tf.tensor2d(criticFake, [1, criticFake.length]);
  }

  /** Formulations of this cost to try for `n` observations, the plainest first. */
  formulations(n: number, kind: 'software' | 'hardware'): Formulation[] {
    return Object.entries(FORMULATIONS[this.#workload.cost]).flatMap(([name, { rows }]) =>
      [...new Set(rows[kind].map((most) => Math.min(most, n)))].map((each) => ({ name, rows: each })),
    );
  }

  /** Estimates of the first `n` observations. */
  async estimates({ name, rows }: Formulation, n: number): Promise<ComparedEstimates> {
    const tf = this.#tf;
    const { costs } = FORMULATIONS[this.#workload.cost][name] as Known;
    const statistics = tf.tidy(() => {
      const halfNorms = tf.mul<Tensor2D>(tf.sum(tf.square(this.#latents), 1, true), 0.5);
      const shift = tf.div<Tensor2D>(this.#critic, this.#workload.lambda);
      const blocks = Array.from({ length: Math.ceil(n / rows) }, (_, b) =>
        tf.tidy(() => {
          const start = b * rows;
          const matrix = costs(tf, this.#samples, start, Math.min(rows, n - start));
          return this.#reduce(matrix, halfNorms, shift);
        }),
      );
      return tf.concat(blocks, 0);
    });
    const values = await statistics.data();
    statistics.dispose();
    return this.#finish(values as Float32Array, n);
  }

  /** From costs [rows, k] to statistics [rows, 8]. `halfNorms` ½‖x‖² [k, 1]; `shift` D₂/λ [1, k]. */
  #reduce(costs: Tensor2D, halfNorms: Tensor2D, shift: Tensor2D): Tensor2D {
    const tf = this.#tf;
    const sum = (x: Tensor2D): Tensor2D => tf.sum(x, 1, true);
    const family = (exponents: Tensor2D): { max: Tensor2D; below: Tensor2D; e: Tensor2D } => {
      const max = tf.max<Tensor2D>(exponents, 1, true);
      const below = tf.sub<Tensor2D>(exponents, max);
      return { max, below, e: tf.exp(below) };
    };
    const scores = tf.mul<Tensor2D>(costs, -1 / this.#workload.lambda);
    const s = family(scores);
    const t = family(tf.sub(scores, shift));
    return tf.concat(
      [
        s.max,
        sum(s.e),
        sum(tf.square(s.e)),
        sum(t.e),
        sum(tf.square(t.e)),
        sum(tf.mul(t.e, t.below)),
        sum(tf.mul(t.e, scores)),
        tf.matMul(t.e, halfNorms),
      ],
      1,
    );
  }

  #finish(values: Float32Array, n: number): ComparedEstimates {
    const { cost, lambda, generated, latents } = this.#workload;
    const [k, d] = generated.shape as readonly [number, number];
    const logC = logNormaliser(cost, d, lambda);
    const logPrior = -0.5 * (latents.shape[1] as number) * Math.log(2 * Math.PI);
    const each = Array.from({ length: n }, (_, i) => {
      const [maxS, sumS, squaresS, sumT, squaresT, below, score, halfNorm] = values.subarray(
        i * STATISTICS,
        (i + 1) * STATISTICS,
      ) as unknown as [number, number, number, number, number, number, number, number];
      const distance = score / sumT;
      const latent = -halfNorm / sumT + logPrior;
      const couplingEntropy = Math.log(sumT) - below / sumT - Math.log(k) - latent;
      return {
        importance: logC + maxS + Math.log(sumS) - Math.log(k),
        surrogate: logC + distance + latent + couplingEntropy,
        distance,
        latent,
        couplingEntropy,
        essImportance: (sumS * sumS) / squaresS,
        maxWeightImportance: 1 / sumS,
        essSurrogate: (sumT * sumT) / squaresT,
        maxWeight: 1 / sumT,
      };
    });
    return columnsOf(each);
  }

  [Symbol.dispose](): void {
    for (const tensor of [...Object.values(this.#samples), this.#latents, this.#critic]) tensor.dispose();
  }
}
