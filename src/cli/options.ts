/** How options are read, and those that several commands have. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Device } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import type { LambdaSchedule } from '../gan/settings.ts';
import type { Precision } from '../gpu/target.ts';
import { openDevice } from '../node/open-device.ts';

/** A number; its range is checked by what takes it. */
export function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('give a number');
  return value;
}

/** A whole number of `least` or more. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = number(text);
    if (!Number.isSafeInteger(value) || value < least)
      throw new InvalidArgumentError(`give a whole number of ${least} or more`);
    return value;
  };
}

/** `256,256` as [256, 256]. */
export function widths(text: string): number[] {
  return text.split(',').map(wholeNumber(1));
}

/** `5`, or a schedule `0:10,49:8`: 10 from iteration 0 on, 8 from 49 on. Values are checked by `lambdaSchedule`. */
export function lambda(text: string): number | LambdaSchedule {
  if (!text.includes(':')) return number(text);
  return text.split(',').map((part) => {
    const [from = '', value = '', ...rest] = part.split(':');
    if (rest.length > 0 || value === '')
      throw new InvalidArgumentError('give a number, or iteration:value pairs as in 0:10,49:8');
    return [number(from), number(value)] as const;
  });
}

/** One λ approached from above, as the paper does: factors from generator iterations on. */
const WARM_UP: LambdaSchedule = [
  [0, 2],
  [49, 1.6],
  [99, 1.28],
  [199, 1],
];

/** λ·2 at first, and λ from iteration 199 on. @throws UserError for a schedule, which says itself how it starts. */
export function warmedUp(value: number | LambdaSchedule): LambdaSchedule {
  if (typeof value !== 'number')
    throw new UserError('--warm-up: --lambda is a schedule already; drop --warm-up, or give one number');
  return WARM_UP.map(([from, factor]) => [from, factor * value] as const);
}

export interface DeviceOptions {
  readonly adapter: 'any' | 'hardware' | 'software';
  readonly unchecked: boolean;
}

/** Adds the options that say which device to open. */
export function withDeviceOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--adapter <kind>', 'which adapter to run on')
        .choices(['any', 'hardware', 'software'])
        .default('any', 'any: a GPU where there is one'),
    )
    .option('--unchecked', "faster: without WebGPU's bounds checks in shaders", false);
}

/** Opens the device that the options ask for. */
export function deviceFor({ adapter, unchecked }: DeviceOptions, precision?: Precision): Promise<Device> {
  return openDevice({ adapter, unchecked, mixedPrecision: precision === 'mixed' });
}
