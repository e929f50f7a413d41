/** Options that every experiment has, and the words of its help. */
import { type Command, Option } from 'commander';
import { type DeviceOptions, wholeNumber, withDeviceOptions } from '../src/cli/options.ts';
import { PRESETS, type PresetName } from './presets.ts';

export interface ExperimentOptions extends DeviceOptions {
  readonly preset: PresetName;
  /** Generator iterations; those of the preset unless given. */
  readonly steps?: number;
  readonly latents: number;
  readonly limit: number;
  readonly seed: number;
  readonly out: string;
  readonly json: boolean;
}

/** Test images of each set: the error of a mean is then a thirtieth of the spread. */
const LIMIT = 1000;
const LATENTS = 2000;

/** Adds the options to the command of an experiment. */
export function withExperimentOptions(command: Command, preset: PresetName): Command {
  command
    .addOption(new Option('--preset <name>', 'what to train with').choices(PRESETS).default(preset))
    .option('--steps <n>', "generator iterations (default: the preset's)", wholeNumber(1))
    .option('--latents <K>', 'latents per image in scoring, drawn from the prior', wholeNumber(1), LATENTS)
    .option('--limit <n>', 'test images of each set at most', wholeNumber(1), LIMIT)
    .option('--seed <n>', 'of training and scoring; same seed, same adapter: same bits', wholeNumber(0), 1)
    .option('--out <folder>', 'folder to write to, and to go on in', `results/${command.name()}`)
    .option('--json', 'the result as JSON on stdout', false);
  return withDeviceOptions(command);
}
