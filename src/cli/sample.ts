/** `entropic-gan sample`: images of a model's generator in a grid. */
import type { Command } from 'commander';
import { UserError } from '../gpu/errors.ts';
import { Scorer } from '../likelihood/scorer.ts';
import { ensureFolder } from '../node/files.ts';
import { readModel } from '../node/model-files.ts';
import { dirname } from 'node:path';
import { type DeviceOptions, deviceFor, wholeNumber, withDeviceOptions } from './options.ts';
import { commandOutput } from './output.ts';
import { isImage, writeGrid } from './sample-grid.ts';

interface SampleOptions extends DeviceOptions {
  readonly count: number;
  readonly out: string;
  readonly seed: number;
  readonly json: boolean;
}

export function registerSample(program: Command): void {
  const command = program
    .command('sample')
    .description("draw samples of a model's generator into a grid of images")
    .argument('<model>', 'a model.safetensors or checkpoint.safetensors that train wrote')
    .option('--count <n>', 'images', wholeNumber(1), 64)
    .requiredOption('--out <file>', 'PNG file to write')
    .option('--seed <n>', 'same seed, same images', wholeNumber(0), 0)
    .option('--json', 'one JSON object', false)
    .addHelpText(
      'after',
      '\nExample:\n  entropic-gan sample runs/one/model.safetensors --count 100 --out ones.png',
    );
  withDeviceOptions(command).action(async (path: string, options: SampleOptions) => {
    const { count, out, seed } = options;
    const model = await readModel(path);
    const { sample } = model.configuration.settings.model;
    if (!isImage(sample))
      throw new UserError(
        `${path}: samples have shape [${sample}], which is no image; a grid needs [height, width, 1 or 3]`,
      );
    await ensureFolder(dirname(out));
    using device = await deviceFor(options);
    using scorer = await Scorer.create(device, model);
    await writeGrid(out, { data: await scorer.sample(count, { seed }), shape: [count, ...sample] });
    const output = commandOutput(options.json);
    output.record({ out, count, seed });
    output.text(`${out}: ${count} samples of ${path}`);
  });
}
