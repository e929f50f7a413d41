/**
 * A shift that is known to mislead likelihoods: images simpler than those trained on may be the likelier ones (Nalisnick et
 * al. 2019, Serrà et al. 2020). Trained on Fashion-MNIST and scored on MNIST where the former's training split is there, else
 * trained on all digits of MNIST but one and scored on that one. Reported whatever comes out.
 */
import type { Command } from 'commander';
import { join } from 'node:path';
import { wholeNumber } from '../src/cli/options.ts';
import { statedOf } from '../src/cli/scoring.ts';
import { UserError } from '../src/gpu/errors.ts';
import { nodeDataFiles } from '../src/node/files.ts';
import { preset } from '../src/gan/presets.ts';
import { loadDataset } from '../src/node/load-dataset.ts';
import { type Laboratory, modelsAt } from './laboratory.ts';
import { type ExperimentOptions, settingsFor } from './options.ts';
import { type ExperimentResult, heading, writeResults } from './results.ts';
import { compare, resultOf, scoreSets } from './scoring.ts';

export interface ShiftOptions extends ExperimentOptions {
  readonly leaveOut?: number;
}

export interface ShiftResult extends ExperimentResult {
  /** What was trained on, and what was kept from training, in words. */
  readonly shift: string;
}

/** The digit with the least ink, hence the one that a model of the others may find likelier than its own data. */
const SIMPLEST = 1;

interface Shift {
  readonly words: string;
  readonly training: string;
  /** Names and SPECs of test images like those trained on, and of those that are not. */
  readonly like: readonly [name: string, spec: string];
  readonly unlike: readonly [name: string, spec: string];
}

export function withShift(command: Command): Command {
  return command.option(
    '--leave-out <digit>',
    `train on all digits of MNIST but this one (default: Fashion-MNIST where its training split is there, else ${SIMPLEST})`,
    wholeNumber(0),
  );
}

export async function shift(lab: Laboratory, options: ShiftOptions): Promise<void> {
  const { limit, latents, seed, leaveOut } = options;
  const { words, training: trainingSpec, like, unlike } = await shiftOf(leaveOut, nodeDataFiles.dataRoot);
  const training = await loadDataset(trainingSpec);
  const test = [
    { name: like[0], images: await loadDataset(like[1], { limit }) },
    { name: unlike[0], images: await loadDataset(unlike[1], { limit }) },
  ] as const;
  const settings = settingsFor(options, training);
  const { models, seconds } = await modelsAt(lab, settings, training, [
    options.steps ?? preset(options.preset).steps,
  ]);
  const [model] = models;
  const scored = await scoreSets(lab, model, test, { latents, seed });
  const [known, ...others] = scored;
  const result: ShiftResult = {
    ...heading('shift', lab, options),
    trainingSeconds: seconds,
    shift: words,
    stated: statedOf(model, known.scores),
    sets: scored.map(resultOf),
    comparisons: compare(known, others),
  };
  const byLikelihood = result.comparisons.find(({ by }) => by === 'importance');
  await writeResults(lab, {
    result,
    scored,
    drawn: scored,
    title: `${words}: ${options.preset}, ${model.configuration.steps} steps`,
    remarks: [
      `An image like those trained on has the higher L_K with probability ${byLikelihood?.auroc.value.toFixed(3)} (AUROC); below 0.5 the shift misleads the likelihood.`,
    ],
  });
}

const FASHION: Shift = {
  words: 'Trained on Fashion-MNIST, scored on MNIST',
  training: 'fashion-mnist',
  like: ['Fashion-MNIST, test', 'fashion-mnist?split=test'],
  unlike: ['MNIST, test', 'mnist?split=test'],
};

function leftOut(digit: number): Shift {
  if (digit > 9) throw new UserError(`shift: --leave-out is ${digit}; must be a digit, 0 to 9`);
  const others = Array.from({ length: 10 }, (_, other) => other)
    .filter((other) => other !== digit)
    .join(',');
  return {
    words: `Trained on all digits but ${digit}`,
    training: `mnist?labels=${others}`,
    like: [`MNIST without ${digit}, test`, `mnist?labels=${others}&split=test`],
    unlike: [`MNIST ${digit}, test`, `mnist?labels=${digit}&split=test`],
  };
}

/** The digit that is to be left out; where none is named, Fashion-MNIST if the data folder has its training split. */
export async function shiftOf(leaveOut: number | undefined, dataRoot: string): Promise<Shift> {
  if (leaveOut !== undefined) return leftOut(leaveOut);
  const names = await nodeDataFiles.list(join(dataRoot, 'fashion-mnist'));
  return names?.some((name) => name.startsWith('train-images')) ? FASHION : leftOut(SIMPLEST);
}
