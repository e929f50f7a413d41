/** `entropic-gan encode`: trains an encoder for a finished model and puts it into the model file. */
import { type Command, Option } from 'commander';
import { dirname } from 'node:path';
import { decodeModel, isCheckpoint } from '../gan/model-file.ts';
import { UserError } from '../gpu/errors.ts';
import { type EncoderReport, trainEncoder } from '../likelihood/encoder-training.ts';
import { imagesFor } from '../likelihood/images.ts';
import { adam } from '../nn/optimisers.ts';
import { ensureFolder, readWhole } from '../node/files.ts';
import { loadDataset } from '../node/load-dataset.ts';
import { writeModel } from '../node/model-files.ts';
import { LIKELIHOOD_COSTS, type LikelihoodCost } from '../ops/log-likelihood.ts';
import { interruptible } from './interrupt.ts';
import { type DeviceOptions, deviceFor, number, wholeNumber, widths, withDeviceOptions } from './options.ts';
import { commandOutput } from './output.ts';

interface EncodeOptions extends DeviceOptions {
  readonly data: string;
  readonly hidden: number[];
  readonly steps: number;
  readonly batch: number;
  readonly samples: number;
  readonly simulated: number;
  readonly rate: number;
  readonly seed: number;
  readonly cost?: LikelihoodCost;
  readonly lambda?: number;
  readonly reportEvery: number;
  readonly out?: string;
  readonly json: boolean;
}

const EXAMPLES = `
The encoder is a network from an image to a Gaussian of the latents that may have made it: a proposal of each image's own, from which
few latents give a tight bound. It climbs the importance-weighted bound of the images of --data, and of images simulated from the
model; the generator and the critics stay as they are. Its bounds stay lower bounds whatever it has learnt, and under another --cost and
--lambda as well, only less tight. Training the model further makes a new file, without the encoder.

Examples:
  entropic-gan encode runs/one/model.safetensors --data 'glyphs?labels=1'
  entropic-gan encode runs/one/model.safetensors --data 'glyphs?labels=1' --steps 500 --out runs/one/encoded.safetensors

Ctrl-C ends it and leaves the file as it was.`;

export function registerEncode(program: Command): void {
  const command = program
    .command('encode')
    .description('train an encoder for a model, for tight likelihoods from few latents')
    .argument('<model>', 'a model.safetensors that train wrote; the encoder is put into it')
    .requiredOption('--data <spec>', 'what to train it on: the data that the model was trained on')
    .option('--hidden <widths>', 'hidden layers of the encoder', widths, [256, 256])
    .option('--steps <n>', 'training steps', wholeNumber(1), 2000)
    .option('--batch <n>', 'images in a batch', wholeNumber(1), 64)
    .option('--samples <K>', 'latents for each image of a batch', wholeNumber(1), 8)
    .option('--simulated <share>', 'share of a batch that is simulated from the model, 0 to 1', number, 0.25)
    .option('--rate <r>', 'learning rate of Adam', number, 1e-3)
    .option('--seed <n>', 'same seed, same encoder', wholeNumber(0), 0)
    .addOption(
      new Option(
        '--cost <name>',
        'cost of the noise model, with a --lambda of its own (default: that of the training)',
      ).choices(LIKELIHOOD_COSTS),
    )
    .option('--lambda <λ>', 'λ of the noise model (default: the last of the training schedule)', number)
    .option('--report-every <n>', 'a report every so many steps', wholeNumber(1), 50)
    .option('--out <file>', 'another file to write the model with its encoder to')
    .option('--json', 'one JSON object a line: the reports, then what was written', false)
    .addHelpText('after', EXAMPLES);
  withDeviceOptions(command).action((path: string, options: EncodeOptions) =>
    interruptible((signal) => encode(path, options, signal)),
  );
}

async function encode(path: string, options: EncodeOptions, signal: AbortSignal): Promise<void> {
  const { hidden, steps, batch, samples, simulated, rate, seed, cost, lambda, reportEvery } = options;
  const output = commandOutput(options.json);
  const file = (await readWhole(path)).buffer;
  const model = decodeModel(file, path);
  if (options.out === undefined && isCheckpoint(file, path))
    throw new UserError(
      `encode: ${path} is a checkpoint, whose encoder the next steps of training would drop; give the model.safetensors beside it, or another file with --out`,
    );
  const dataset = await loadDataset(options.data);
  imagesFor('encode', model, dataset); // before a device is opened
  const out = options.out ?? path;
  await ensureFolder(dirname(out));
  using device = await deviceFor(options);
  const bar = output.progress('encoding', steps);
  let last: EncoderReport | undefined;
  const onReport = (report: EncoderReport): void => {
    last = report;
    output.record(report);
    bar.update(report.step, `bound ${boundOf(report).toFixed(2)}  ESS ${report.ess.toFixed(1)}`);
  };
  try {
    const encoded = await trainEncoder(device, model, dataset, {
      hidden,
      steps,
      batch,
      samples,
      simulated,
      optimiser: adam({ rate }),
      seed,
      ...(cost === undefined ? {} : { cost }),
      ...(lambda === undefined ? {} : { lambda }),
      reportEvery,
      onReport,
      signal,
    });
    await writeModel(out, encoded);
    output.record({ out, ...encoded.encoder.training });
  } finally {
    bar.stop();
  }
  const { ess, ...rest } = last as EncoderReport; // there is one at the last step
  output.text(
    `${out}: an encoder for ${path}, ${steps} steps on ${dataset.name}: mean bound ${boundOf(rest).toFixed(2)} nats from ${samples} latents an image, ESS ${ess.toFixed(1)} of them`,
  );
}

/** The bound of the data, or of the simulated images where there are no others. */
function boundOf({ bound, simulatedBound }: Pick<EncoderReport, 'bound' | 'simulatedBound'>): number {
  return Number.isNaN(bound) ? simulatedBound : bound;
}
