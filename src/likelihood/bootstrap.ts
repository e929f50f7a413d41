/** Bootstrap resampling (Efron 1979), repeatable: as many draws with replacement as there are samples, from one random stream. */
import { UserError } from '../gpu/errors.ts';

export interface BootstrapOptions {
  /** Same seed, same resamples. Default 0. */
  readonly seed?: number;
  /** Bootstrap resamples. Default 1000. */
  readonly resamples?: number;
}

/** The options with their defaults. @throws UserError, under the name of what takes them, where one is out of range. */
export function bootstrapOptions(
  where: string,
  { seed = 0, resamples = 1000 }: BootstrapOptions,
): Required<BootstrapOptions> {
  for (const [name, value, least] of [
    ['seed', seed, 0],
    ['resamples', resamples, 1],
  ] as const) {
    if (!Number.isInteger(value) || value < least)
      throw new UserError(`${where}: ${name} is ${value}; must be a whole number of ${least} or more`);
  }
  return { seed, resamples };
}

/** One of `values`, drawn evenly with a uniform in (0, 1]. */
export function drawOne(values: ArrayLike<number>, uniform: () => number): number {
  return values[Math.ceil(uniform() * values.length) - 1] as number;
}
