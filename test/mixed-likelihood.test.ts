/**
 * Mixed precision learns what float32 learns: models of the digit 1 trained in either have the same mean log-likelihood of test
 * images, to 0.3 nat. On a GPU with f16; ENTROPIC_GAN_EMULATE_F16=1 runs it on one that emulates f16, in some ten minutes.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Trainer } from '../src/gan/trainer.ts';
import type { TrainerOptions } from '../src/gan/settings.ts';
import type { Device } from '../src/gpu/device.ts';
import { type Precision, lacksForMixed, targetOf } from '../src/gpu/target.ts';
import { Scorer } from '../src/likelihood/scorer.ts';
import { mlp } from '../src/nn/architectures.ts';
import { adam } from '../src/nn/optimisers.ts';
import { loadDataset } from '../src/node/load-dataset.ts';
import { dataRoot } from './support/data-files.ts';
import { describeGpu } from './support/device.ts';
import { openEmulated } from './support/emulated-halves.ts';

const STEPS = 300;
const ALLOWED = 0.3;
const OPTIONS = {
  model: mlp({ sample: [28, 28, 1], latent: 16, hidden: [64, 64] }),
  cost: 'half-squared',
  lambda: [
    [0, 4],
    [50, 2],
    [100, 1],
  ],
  batch: 64,
  averageDecay: 0.98,
  generator: adam({ rate: 1e-3, beta1: 0.5 }),
  critic: adam({ rate: 1e-3, beta1: 0.5 }),
} as const satisfies TrainerOptions;

describeGpu('mixed precision', (device) => {
  it(
    'has the likelihoods of float32 on the digit 1, to 0.3 nat',
    { timeout: 3_600_000 },
    async ({ skip }) => {
      const emulates = process.env['ENTROPIC_GAN_EMULATE_F16'] === '1';
      const lacks = lacksForMixed(targetOf(device));
      skip(!emulates && lacks.length > 0, `this device has no ${lacks.join(', no ')}`);
      const folder = join(dataRoot, 'mnist');
      skip(!existsSync(folder), `no folder ${folder}; ENTROPIC_GAN_DATA names the data folder`);
      const train = await loadDataset('mnist?labels=1&split=train');
      const test = await loadDataset('mnist?labels=1&split=test&limit=300');

      const meanOf = async (on: Device, precision: Precision, seed: number): Promise<number> => {
        using trainer = await Trainer.create(on, { ...OPTIONS, precision, seed });
        for await (const report of trainer.run(train, { steps: STEPS, reportEvery: STEPS })) void report;
        using scorer = await Scorer.create(device, await trainer.model(), { latents: 2000, seed: 5 });
        const { importance } = await scorer.score(test);
        return importance.reduce((sum, value) => sum + value, 0) / importance.length;
      };

      using emulated = emulates ? await openEmulated('shader-f16') : null;
      for (const seed of [1, 2]) {
        const float = await meanOf(device, 'f32', seed);
        const mixed = await meanOf(emulated ?? device, 'mixed', seed);
        console.log(
          `seed ${seed}: mean L_K ${float.toFixed(3)} in float32, ${mixed.toFixed(3)} in mixed precision`,
        );
        expect(Math.abs(mixed - float)).toBeLessThan(ALLOWED);
      }
    },
  );
});
