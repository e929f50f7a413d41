/**
 * Trained on the digit 1: how likely are images of other data sets? The densities of L_K and of paper-score over the test
 * images of MNIST 1, of MNIST and of SVHN (grey, 28 × 28), as in figure 3 of Balaji et al. (2019), and how well each score
 * tells the 1s from the other digits and from SVHN.
 */
import { statedOf } from '../src/cli/scoring.ts';
import { preset } from '../src/gan/presets.ts';
import { loadDataset } from '../src/node/load-dataset.ts';
import { type Laboratory, modelsAt } from './laboratory.ts';
import { type ExperimentOptions, settingsFor } from './options.ts';
import { type ExperimentResult, heading, writeResults } from './results.ts';
import { type SampleSpread, sampleSpread } from './sample-spread.ts';
import { type Scored, compare, resultOf, scoreSets } from './scoring.ts';

const TRAINING = 'mnist?labels=1';
const TEST = {
  ones: 'mnist?labels=1&split=test',
  all: 'mnist?split=test',
  others: 'mnist?labels=0,2-9&split=test',
  svhn: 'svhn?split=test&gray&size=28',
} as const;

export interface DatasetsResult extends ExperimentResult {
  readonly sampleSpread: SampleSpread;
}

export async function datasets(lab: Laboratory, options: ExperimentOptions): Promise<void> {
  const { limit, latents, seed } = options;
  const training = await loadDataset(TRAINING);
  const load = (spec: string) => loadDataset(spec, { limit });
  const test = [
    { name: 'MNIST 1, test', images: await load(TEST.ones) },
    { name: 'MNIST, test', images: await load(TEST.all) },
    { name: 'MNIST without 1, test', images: await load(TEST.others) },
    { name: 'SVHN, grey, 28 × 28', images: await load(TEST.svhn) },
  ] as const;
  const settings = settingsFor(options, training);
  const { models, seconds } = await modelsAt(lab, settings, training, [
    options.steps ?? preset(options.preset).steps,
  ]);
  const [model] = models;
  const scored = await scoreSets(lab, model, test, { latents, seed, training });
  const [ones, all, others, svhn] = scored as [Scored, Scored, Scored, Scored];
  const result: DatasetsResult = {
    ...heading('datasets', lab, options),
    trainingSeconds: seconds,
    stated: statedOf(model, ones.scores),
    sampleSpread: await sampleSpread(lab.device, model, seed),
    sets: scored.map(resultOf),
    comparisons: compare(ones, [others, svhn]),
  };
  const { samples, meanDistance } = result.sampleSpread;
  await writeResults(lab, {
    result,
    scored,
    drawn: [ones, all, svhn],
    title: `Trained on the digit 1: ${options.preset}, ${model.configuration.steps} steps`,
    remarks: [`mean Euclidean distance over all pairs of ${samples} samples: ${meanDistance.toFixed(2)}`],
  });
}
