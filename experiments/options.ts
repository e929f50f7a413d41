/** Options that every experiment has, and the words of its help. */
import { type Command, Option } from 'commander';
import { type DeviceOptions, wholeNumber, withDeviceOptions } from '../src/cli/options.ts';
import type { Dataset } from '../src/data/dataset.ts';
import { type PresetName, presetOptions } from '../src/gan/presets.ts';
import type { TrainerOptions } from '../src/gan/settings.ts';
import { PRECISIONS, type Precision } from '../src/gpu/target.ts';

export interface ExperimentOptions extends DeviceOptions {
  readonly preset: PresetName;
  /** Generator iterations; those of the preset unless given. */
  readonly steps?: number;
  readonly latents: number;
  readonly limit: number;
  readonly seed: number;
  readonly precision: Precision;
  readonly out: string;
  readonly json: boolean;
}

/** Test images of each set: the error of a mean is then a thirtieth of the spread. */
const LIMIT = 1000;
const LATENTS = 2000;

/** Adds the options to the command of an experiment; the first preset is its default. */
export function withExperimentOptions(command: Command, presets: readonly PresetName[]): Command {
  command
    .addOption(
      new Option(
        '--preset <name>',
        'what to train with: quick ones without a GPU, the published settings with one',
      )
        .choices(presets)
        .default(presets[0]),
    )
    .option('--steps <n>', "generator iterations (default: the preset's)", wholeNumber(1))
    .option('--latents <K>', 'latents per image in scoring, drawn from the prior', wholeNumber(1), LATENTS)
    .option('--limit <n>', 'test images of each set at most', wholeNumber(1), LIMIT)
    .option('--seed <n>', 'of training and scoring; same seed, same adapter: same bits', wholeNumber(0), 1)
    .addOption(
      new Option('--precision <name>', 'of training; mixed: f16 on the tensor cores of a GPU that has them')
        .choices(PRECISIONS)
        .default('f32'),
    )
    .option('--out <folder>', 'folder to write to, and to go on in', `results/${command.name()}`)
    .option('--json', 'the result as JSON on stdout', false);
  return withDeviceOptions(command);
}

/** What to train with on images of a data set. */
export function settingsFor(
  { preset, seed, precision }: ExperimentOptions,
  training: Dataset,
): TrainerOptions {
  return { ...presetOptions(preset, imageShape(training), seed), precision };
}

/** Shape of the images of a data set, [height, width, channels]. */
function imageShape({ shape }: Dataset): [number, number, number] {
  const [height = 1, width = 1, channels = 1] = shape;
  return [height, width, channels];
}
