/**
 * The entropic objective and its gradients in tfjs, as its users would write it: all-pairs costs from one matrix product
 * (½‖y‖² + ½‖ŷ‖² − y·ŷ), the n × m matrices stored, gradients by its tape; data on the GPU beforehand.
 *   J = mean D₁ − mean D₂ − λ·mean_ij exp((D₁_i − D₂_j − ½‖y_i − ŷ_j‖²)/λ − 1)
 */
import type { Scalar, Tensor, Tensor2D } from '@tensorflow/tfjs';
import type { Tfjs } from './backend.ts';

/** Flat arrays of host values: y [n, d], ŷ [m, d], D₁(y) [n], D₂(ŷ) [m]. */
export interface ObjectiveArrays {
  readonly n: number;
  readonly m: number;
  readonly d: number;
  readonly real: Float32Array;
  readonly fake: Float32Array;
  readonly criticReal: Float32Array;
  readonly criticFake: Float32Array;
}

export interface TfjsObjective extends Disposable {
  /** J, and ∂J of D₁, D₂ and ŷ. */
  evaluate(): Promise<Record<'objective' | 'gradCriticReal' | 'gradCriticFake' | 'gradFake', Float32Array>>;
  /** Evaluates so often, and waits for the last J. */
  run(count: number): Promise<void>;
}

/** J of samples [n, d] and [m, d], with their critics [n, 1] and [m, 1]. */
export function allPairsObjective(
  tf: Tfjs,
  pairs: {
    readonly real: Tensor2D;
    readonly fake: Tensor2D;
    readonly criticReal: Tensor;
    readonly criticFake: Tensor;
  },
  lambda: number,
): Scalar {
  const { real, fake, criticReal, criticFake } = pairs;
  const halfNorms = (x: Tensor2D): Tensor2D => tf.mul(0.5, tf.sum(tf.square(x), 1, true));
  const costs = tf.sub(
    tf.add(halfNorms(real), tf.transpose(halfNorms(fake))),
    tf.matMul(real, fake, false, true),
  );
  const v = tf.sub(tf.sub(criticReal, tf.transpose(criticFake)), costs);
  const penalty = tf.mul(lambda, tf.mean(tf.exp(tf.sub(tf.div(v, lambda), 1))));
  return tf.sub(tf.sub(tf.mean(criticReal), tf.mean(criticFake)), penalty);
}

export function tfjsObjective(
  tf: Tfjs,
  { n, m, d, ...host }: ObjectiveArrays,
  lambda: number,
): TfjsObjective {
  const real = tf.tensor2d(host.real, [n, d]);
  const inputs = [
    tf.tensor2d(host.criticReal, [n, 1]),
    tf.tensor2d(host.criticFake, [m, 1]),
    tf.tensor2d(host.fake, [m, d]),
  ];
  const objectiveOf = (criticReal: Tensor, criticFake: Tensor, fake: Tensor): Scalar =>
    allPairsObjective(tf, { real, fake: fake as Tensor2D, criticReal, criticFake }, lambda);
  const valueAndGradients = tf.valueAndGrads(objectiveOf as (...args: Tensor[]) => Scalar);
  return {
    async evaluate() {
      const { value, grads } = valueAndGradients(inputs);
      const [objective, gradCriticReal, gradCriticFake, gradFake] = (await Promise.all(
        [value, ...grads].map((tensor) => tensor.data()),
      )) as [Float32Array, Float32Array, Float32Array, Float32Array];
      for (const tensor of [value, ...grads]) tensor.dispose();
      return { objective, gradCriticReal, gradCriticFake, gradFake };
    },
    async run(count) {
      for (let i = 0; i < count; i++) {
        const { value, grads } = valueAndGradients(inputs);
        // The gradient of ŷ is the last to be made: what waits for it waits for all.
        if (i === count - 1) await Promise.all([value.data(), (grads.at(-1) as Tensor).data()]);
        for (const tensor of [value, ...grads]) tensor.dispose();
      }
    },
    [Symbol.dispose]() {
      for (const tensor of [real, ...inputs]) tensor.dispose();
    },
  };
}
