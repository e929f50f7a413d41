/**
 * Whether a batch of samples is typical of a reference set, by their log-likelihoods (Nalisnick, Matsukawa, Teh &
 * Lakshminarayanan 2019, "Detecting out-of-distribution inputs to deep generative models using typicality"):
 *   statistic  T = |mean L(batch) − mean L(reference)|
 *   null       T* of a batch of as many, and a reference of as many, both drawn with replacement from the reference
 *   p          (1 + #{T* ≥ T}) / (B + 1) over B such draws
 * The paper draws only the batch anew, which takes the reference's mean as known: with a reference not much larger than the
 * batch that finds too many batches atypical. Drawing the reference too keeps p uniform where nothing is amiss; with a
 * large reference the two agree.
 */
import { threefryStream } from '../data/random.ts';
import { STREAMS } from '../gan/streams.ts';
import { UserError } from '../gpu/errors.ts';
import { type BootstrapOptions, bootstrapOptions, drawOne } from './bootstrap.ts';
import { meanOf } from './interval.ts';

export interface Typicality {
  /** mean L(batch) − mean L(reference), nats; above 0 the batch is likelier than the reference, which can be atypical too. */
  readonly difference: number;
  /**
   * How often a batch from the reference differs as much, either way: between 1/(resamples + 1) and 1. Small: the batch as a
   * whole is unlike the reference. Large: its mean does not show it to be, and no more than that.
   */
  readonly pValue: number;
}

/**
 * Tests a batch of log-likelihoods against those of a reference, estimated alike (same model, noise, estimator, K and seed).
 * The reference should be held out: a model may give its own training samples more than others of the same kind. The samples
 * of each set are taken to be independent.
 * @param batch, reference nats, one per sample.
 * @throws UserError where either holds a value that is not finite, the batch is empty, the reference has fewer than 2, and
 *   on options out of range.
 */
export function typicality(
  batch: ArrayLike<number>,
  reference: ArrayLike<number>,
  options: BootstrapOptions = {},
): Typicality {
  const { seed, resamples } = bootstrapOptions('typicality', options);
  check('batch', batch, 1);
  check('reference', reference, 2);
  const uniform = threefryStream([seed, STREAMS.typicality]);
  const meanOfDrawn = (count: number): number => {
    let sum = 0;
    for (let i = 0; i < count; i++) sum += drawOne(reference, uniform);
    return sum / count;
  };
  const difference = meanOf(batch) - meanOf(reference);
  let asFar = 0;
  for (let b = 0; b < resamples; b++) {
    const drawn = meanOfDrawn(batch.length) - meanOfDrawn(reference.length);
    if (Math.abs(drawn) >= Math.abs(difference)) asFar++;
  }
  return { difference, pValue: (1 + asFar) / (resamples + 1) };
}

function check(name: string, values: ArrayLike<number>, least: number): void {
  if (values.length < least)
    throw new UserError(
      `typicality: the ${name} has ${values.length} log-likelihoods; give ${least} or more`,
    );
  const bad = Array.prototype.findIndex.call(values, (value: number) => !Number.isFinite(value));
  if (bad >= 0)
    throw new UserError(
      `typicality: log-likelihood ${bad} of the ${name} is ${values[bad]}; give finite numbers`,
    );
}
