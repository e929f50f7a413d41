/**
 * Trained on MNIST: how the likelihoods of its test images grow with training. Their densities at several generator
 * iterations, as in figure 4 of Balaji et al. (2019): the mode rises, then settles.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { wholeNumber } from '../src/cli/options.ts';
import { statedOf } from '../src/cli/scoring.ts';
import { UserError } from '../src/gpu/errors.ts';
import { preset } from '../src/gan/presets.ts';
import { loadDataset } from '../src/node/load-dataset.ts';
import { type Laboratory, modelsAt } from './laboratory.ts';
import { type ExperimentOptions, settingsFor } from './options.ts';
import { type ExperimentResult, heading, writeResults } from './results.ts';
import { type Scored, resultOf, scoreSets } from './scoring.ts';

export interface IterationsOptions extends ExperimentOptions {
  readonly at?: readonly number[];
}

export interface IterationsResult extends ExperimentResult {
  /** Generator iterations, in the order of `sets`. */
  readonly iterations: readonly number[];
}

export function withIterations(command: Command): Command {
  return command.option(
    '--at <iterations>',
    'score after these generator iterations (default: 1, 100, half of the steps, all of them)',
    rising,
  );
}

export async function iterations(lab: Laboratory, options: IterationsOptions): Promise<void> {
  const { limit, latents, seed } = options;
  const steps = options.steps ?? preset(options.preset).steps;
  const at = options.at ?? atOf(steps);
  const late = at.find((iteration) => iteration > steps);
  if (late !== undefined)
    throw new UserError(
      `iterations: --at asks for ${late}, training makes ${steps} steps; give --steps ${late} or leave it out`,
    );
  const training = await loadDataset('mnist');
  const images = await loadDataset('mnist?split=test', { limit });
  const settings = settingsFor(options, training);
  const { models, seconds } = await modelsAt(lab, settings, training, at);
  const scored: Scored[] = [];
  for (const [i, model] of models.entries()) {
    const name = `iteration ${at[i]}`;
    scored.push(...(await scoreSets(lab, model, [{ name, images }], { latents, seed })));
  }
  const [last] = models.slice(-1) as [(typeof models)[0]];
  const result: IterationsResult = {
    ...heading('iterations', lab, options),
    trainingSeconds: seconds,
    stated: statedOf(last, (scored[0] as Scored).scores),
    iterations: at,
    sets: scored.map(resultOf),
    comparisons: [],
  };
  await writeResults(lab, {
    result,
    scored,
    drawn: scored,
    title: `Trained on MNIST: test images by generator iteration, ${options.preset}`,
    remarks: [],
  });
}

/** 1, 100, half and all of the steps: those of the published figure for its 10 000. */
function atOf(steps: number): number[] {
  return [...new Set([1, 100, Math.ceil(steps / 2), steps])]
    .filter((at) => at <= steps)
    .sort((a, b) => a - b);
}

function rising(text: string): number[] {
  const values = text.split(',').map(wholeNumber(1));
  if (values.some((value, i) => i > 0 && value <= (values[i - 1] as number)))
    throw new InvalidArgumentError('give rising whole numbers, as in 1,100,5000');
  return values;
}
