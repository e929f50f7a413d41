/**
 * The training step of `bench/workload.ts` in tfjs, written as its users would and with the cheapest form of each part:
 * all-pairs costs from one matrix product (½‖y‖² + ½‖ŷ‖² − y·ŷ), D₁(y) outside the tape where it is a constant, batches
 * already on the GPU.
 *   J = mean D₁(y) − mean D₂(ŷ) − λ·mean_ij exp((D₁(y_i) − D₂(ŷ_j) − ½‖y_i − ŷ_j‖²)/λ − 1)
 *   critic step: Adam on −J over both critics       generator step: Adam on J over the generator
 */
import type { Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import type { Weights } from '../../src/gan/model.ts';
import { type Architecture, networksOf } from '../../src/nn/architectures.ts';
import type { OptimiserSettings } from '../../src/nn/optimisers.ts';
import type { Tfjs } from './backend.ts';
import { applyStack } from './layers.ts';
import { allPairsObjective } from './objective.ts';

/** Data and latents of one step, on the GPU. */
export interface TfjsBatch {
  /** y, [n, d]. */
  readonly real: Tensor2D;
  /** x, [m, r]. */
  readonly latents: Tensor2D;
}

/** J before the update, and the gradients that Adam was given, by parameter name. */
export interface TfjsStep {
  readonly objective: Scalar;
  readonly gradients: Readonly<Record<string, Tensor>>;
}

/** What `applyGradients` takes; its declaration says variables where it means tensors by name. */
type NamedVariableMap = Record<string, Variable>;

export interface TfjsGan extends Disposable {
  readonly generator: ReadonlyMap<string, Variable>;
  readonly critic: ReadonlyMap<string, Variable>;
  /** One update of both critics, maximising J; what it returns is the caller's to dispose. */
  criticStep(batch: TfjsBatch): TfjsStep;
  /** One update of the generator, minimising J. */
  generatorStep(batch: TfjsBatch): TfjsStep;
}

/**
 * The model with given initial weights, by the names of their layouts: `layers.i.weight`, `trunk.i.weight` and so on.
 * @param scope tells its variables from those of another that is there at the same time.
 */
export function tfjsGan(
  tf: Tfjs,
  model: Architecture,
  start: { readonly generator: Weights; readonly critic: Weights },
  {
    lambda,
    optimiser,
    scope = '',
  }: { readonly lambda: number; readonly optimiser: OptimiserSettings; readonly scope?: string },
): TfjsGan {
  const variables = (network: string, weights: Weights): Map<string, Variable> =>
    new Map(
      [...weights].map(([name, { data, shape }]) => [
        name,
        tf.variable(tf.tensor(data, [...shape]), true, `${scope}${network}.${name}`),
      ]),
    );
  const networks = networksOf(model);
  const generator = variables('generator', start.generator);
  const critic = variables('critic', start.critic);
  const { rate, beta1, beta2, epsilon } = optimiser;
  const optimisers = {
    generator: tf.train.adam(rate, beta1, beta2, epsilon),
    critic: tf.train.adam(rate, beta1, beta2, epsilon),
  };

  const asMatrix = (x: Tensor): Tensor2D => tf.reshape(x, [x.shape[0] as number, -1]);
  const generate = (latents: Tensor2D): Tensor2D =>
    asMatrix(applyStack(tf, networks.generator.stack, generator, latents));
  const judge = (head: 'real' | 'fake', x: Tensor2D): Tensor2D => {
    const { trunk } = networks.critic;
    const features = trunk ? applyStack(tf, trunk, critic, x) : x;
    return asMatrix(applyStack(tf, networks.critic[head], critic, asMatrix(features)));
  };
  const objectiveOf = (real: Tensor2D, fake: Tensor2D, criticReal: Tensor2D): Scalar =>
    allPairsObjective(tf, { real, fake, criticReal, criticFake: judge('fake', fake) }, lambda);

  const step = (
    network: 'generator' | 'critic',
    loss: () => Scalar,
    ofLoss: (loss: Scalar) => Scalar,
  ): TfjsStep => {
    const weights = network === 'critic' ? critic : generator;
    const prefix = `${scope}${network}.`;
    const { value, grads } = tf.variableGrads(loss, [...weights.values()]);
    optimisers[network].applyGradients(grads as NamedVariableMap);
    const gradients: Record<string, Tensor> = {};
    for (const [name, gradient] of Object.entries(grads)) gradients[name.slice(prefix.length)] = gradient;
    const objective = ofLoss(value);
    if (objective !== value) value.dispose();
    return { objective, gradients };
  };

  return {
    generator,
    critic,
    criticStep({ real, latents }) {
      const fake = tf.tidy(() => generate(latents));
      const made = step(
        'critic',
        () => tf.neg(objectiveOf(real, fake, judge('real', real))),
        (loss) => tf.neg(loss),
      );
      fake.dispose();
      return made;
    },
    generatorStep({ real, latents }) {
      const criticReal = tf.tidy(() => judge('real', real));
      const made = step(
        'generator',
        () => objectiveOf(real, generate(latents), criticReal),
        (loss) => loss,
      );
      criticReal.dispose();
      return made;
    },
    [Symbol.dispose]() {
      optimisers.generator.dispose();
      optimisers.critic.dispose();
      for (const variable of [...generator.values(), ...critic.values()]) variable.dispose();
    },
  };
}

/** Frees what a step returned. */
export function disposeStep({ objective, gradients }: TfjsStep): void {
  objective.dispose();
  for (const gradient of Object.values(gradients)) gradient.dispose();
}
