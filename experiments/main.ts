/** The experiments: `npm run experiment -- NAME`. */
import { Command } from 'commander';
import { interruptible } from '../src/cli/interrupt.ts';
import { type DeviceOptions, deviceFor } from '../src/cli/options.ts';
import { commandOutput } from '../src/cli/output.ts';
import { runProgram } from '../src/cli/run-program.ts';
import type { Precision } from '../src/gpu/target.ts';
import { ensureFolder } from '../src/node/files.ts';
import { calibration, withCalibration } from './calibration.ts';
import { datasets } from './datasets.ts';
import { iterations, withIterations } from './iterations.ts';
import type { Laboratory } from './laboratory.ts';
import { withExperimentOptions } from './options.ts';
import { shift, withShift } from './shift.ts';

const FILES = `
Writes result.json, scores.csv, log-likelihoods.svg and paper-scores.svg into the folder of --out. Ctrl-C saves; the same
command goes on from there, with training from its checkpoint and without scoring again what was scored. Images are looked
for in $ENTROPIC_GAN_DATA (default ../shared/data).

Examples:`;

const program = new Command('experiment').description(
  "The image experiments of Balaji et al. (2019) and one more, on this library's own kernels.",
);

/** Runs an experiment with a device and what else it works with. */
function running<
  T extends DeviceOptions & {
    readonly out: string;
    readonly json: boolean;
    readonly precision?: Precision;
  },
>(experiment: (lab: Laboratory, options: T) => Promise<void>) {
  return (options: T): Promise<void> =>
    interruptible(async (signal) => {
      await ensureFolder(options.out);
      using device = await deviceFor(options, options.precision);
      await experiment({ path: options.out, device, output: commandOutput(options.json), signal }, options);
    });
}

withExperimentOptions(
  program.command('datasets').description('trained on the digit 1: MNIST 1, MNIST and SVHN told apart'),
  ['quick-mnist1', 'paper-mnist1'],
)
  .addHelpText(
    'after',
    `${FILES}\n  npm run experiment -- datasets\n  npm run experiment -- datasets --preset paper-mnist1 --limit 10000`,
  )
  .action(running(datasets));

withIterations(
  withExperimentOptions(
    program
      .command('iterations')
      .description('trained on MNIST: likelihoods of its test images as training goes on'),
    ['quick-mnist', 'paper-mnist'],
  ),
)
  .addHelpText(
    'after',
    `${FILES}\n  npm run experiment -- iterations\n  npm run experiment -- iterations --preset paper-mnist --at 1,100,5000,10000`,
  )
  .action(running(iterations));

withShift(
  withExperimentOptions(
    program.command('shift').description('trained on one kind of images, scored on a simpler one'),
    ['quick-mnist', 'paper-mnist'],
  ),
)
  .addHelpText(
    'after',
    `${FILES}\n  npm run experiment -- shift\n  npm run experiment -- shift --leave-out 7`,
  )
  .action(running(shift));

withCalibration(
  program
    .command('calibration')
    .description(
      'whether estimates are bounds and intervals hold the truth, on generators whose likelihood is known',
    ),
)
  .addHelpText(
    'after',
    `
Writes result.json and bounds.csv into the folder of --out. Ctrl-C stops; the same command goes on from there.

Examples:
  npm run experiment -- calibration
  npm run experiment -- calibration --dims 5 --lambdas 1,20 --sets 0`,
  )
  .action(running(calibration));

await runProgram(program);
