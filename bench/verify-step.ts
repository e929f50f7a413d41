/**
 * Is a step of ours the step of tfjs? From the same weights, data and latents, one critic and one generator update:
 * J of both steps, the gradients that Adam was given, and the weights afterwards are compared.
 * Adam's first update is nearly rate·sign(g), so an element whose gradient is rounding noise may go either way: the
 * weights are compared where the gradient is above what gradients may differ by, by the root mean square of their
 * difference, relative to that of the update.
 */
import type { Checkpoint, NetworkName } from '../src/gan/checkpoint.ts';
import { NETWORKS } from '../src/gan/checkpoint.ts';
import type { Trainer, TrainingReport } from '../src/gan/trainer.ts';
import { networksOf } from '../src/nn/architectures.ts';
import type { Dataset } from '../src/data/dataset.ts';
import type { Tfjs } from './tfjs/backend.ts';
import { type TfjsBatch, type TfjsGan, type TfjsStep, disposeStep } from './tfjs/gan.ts';
import { OPTIMISER, hostBatch } from './workload.ts';

/** The largest that each error may be. Both sides are float32; the longest sums go over every pixel of the batch. */
const ALLOWED = { objective: 1e-5, gradient: 2e-5, update: 1e-4 } as const;

export interface StepAgreement {
  /** |J − J'| relative to |J|, the larger of the two steps. */
  readonly objective: number;
  /** max|g − g'| / max|g'|, the largest over all parameter tensors. */
  readonly gradient: number;
  /** RMS of w − w' relative to that of the update, where that is not noise, the larger of the two networks. */
  readonly update: number;
}

/**
 * The objectives agree, a gradient does not. It is not necessarily wrong: a ReLU whose sum is zero up to rounding may be on with one
 * side and off with the other, which no other draw of weights and data repeats.
 */
export class GradientsDiffer extends Error {
  override readonly name = 'GradientsDiffer';
}

/** The batch that the trainer draws next, as tensors of tfjs. */
export function tfjsBatch(
  tf: Tfjs,
  data: Dataset,
  sizes: { readonly batch: number; readonly latent: number; readonly seed: number },
  index: number,
): TfjsBatch {
  const { batch } = sizes;
  const { real, latents } = hostBatch(data, sizes, index);
  return {
    real: tf.tensor2d(real, [batch, real.length / batch]),
    latents: tf.tensor2d(latents, [batch, latents.length / batch]),
  };
}

/**
 * Makes the first iteration of both and compares.
 * @param start what the trainer began with; tfjs's model must have been made of it.
 * @throws GradientsDiffer, or an Error naming what differs.
 */
export async function verifyStep(
  trainer: Trainer,
  start: Checkpoint,
  gan: TfjsGan,
  tf: Tfjs,
  data: Dataset,
): Promise<StepAgreement> {
  const { batch, model, seed } = trainer.settings;
  const sizes = { batch, latent: model.latent, seed };
  let report: TrainingReport | undefined;
  for await (const step of trainer.run(data, { steps: 1, reportEvery: 1 })) report = step;
  if (!report) throw new Error('bench: the trainer reported nothing');
  if (report.clippedPairs > 0)
    throw new Error(`bench: ${report.clippedPairs} pairs were clipped; raise LAMBDA`);
  const ours = await trainer.checkpoint();

  const batches = [tfjsBatch(tf, data, sizes, 0), tfjsBatch(tf, data, sizes, 1)] as const;
  const steps: Record<NetworkName, TfjsStep> = {
    critic: gan.criticStep(batches[0]),
    generator: gan.generatorStep(batches[1]),
  };
  const errors = { objective: 0, gradient: 0, update: 0 };
  const note = (kind: keyof StepAgreement, error: number, what: string): void => {
    if (!(error <= ALLOWED[kind])) {
      const message = `bench: ours and tfjs differ in the ${kind} of ${what} by ${error.toExponential(2)}, allowed ${ALLOWED[kind]}; no timing of a wrong result`;
      throw kind === 'gradient' ? new GradientsDiffer(message) : new Error(message);
    }
    errors[kind] = Math.max(errors[kind], error);
  };
  try {
    for (const network of NETWORKS) {
      const step = steps[network];
      const [theirs] = await step.objective.data();
      const objective = network === 'critic' ? report.objective : report.generatorObjective;
      note('objective', Math.abs(objective - (theirs ?? Number.NaN)) / Math.abs(theirs ?? 0), network);
      const gradients = gradientsOf(ours, network);
      let difference = 0;
      let moved = 0;
      for (const [name, { data: after }] of ours.model[network]) {
        const before = start.model[network].get(name)?.data as Float32Array;
        const theirGradient = await (step.gradients[name] as TfjsStep['gradients'][string]).data();
        const theirAfter = await gan[network].get(name)!.data();
        note('gradient', maxError(gradients.get(name)!, theirGradient), `${network}.${name}`);
        const noise = ALLOWED.gradient * largest(theirGradient);
        for (let i = 0; i < after.length; i++) {
          if (Math.abs(theirGradient[i]!) <= noise) continue;
          difference += (after[i]! - theirAfter[i]!) ** 2;
          moved += (after[i]! - before[i]!) ** 2;
        }
      }
      note('update', Math.sqrt(difference / moved), network);
    }
    return errors;
  } finally {
    for (const network of NETWORKS) disposeStep(steps[network]);
    for (const made of batches) {
      made.real.dispose();
      made.latents.dispose();
    }
  }
}

/** The gradients of the first step, out of Adam's first moment: m = (1 − β₁)·g. */
export function gradientsOf({ model, state }: Checkpoint, network: NetworkName): Map<string, Float32Array> {
  const words = state.get(`${network}.moments`);
  if (!words) throw new Error(`bench: the checkpoint has no moments of the ${network}`);
  const moments = new Float32Array(words.buffer, words.byteOffset, words.length);
  const { layout } = networksOf(model.configuration.settings.model)[network];
  return new Map(
    layout.parameters.map(({ name, offset, shape }) => {
      const size = shape.reduce((product, n) => product * n, 1);
      const part = moments.slice(offset / 4, offset / 4 + size);
      return [name, part.map((m) => m / (1 - OPTIMISER.beta1))];
    }),
  );
}

/** max|a − b| / max|b|. */
function maxError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let error = 0;
  for (let i = 0; i < b.length; i++) error = Math.max(error, Math.abs(a[i]! - b[i]!));
  return error / largest(b);
}

/** max|a|. */
function largest(a: ArrayLike<number>): number {
  let size = 0;
  for (let i = 0; i < a.length; i++) size = Math.max(size, Math.abs(a[i]!));
  return size;
}
