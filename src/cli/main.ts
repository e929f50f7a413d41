#!/usr/bin/env node
/** The command line: `entropic-gan <command>`. Exit 0 when done, 2 with one line for bad input, 1 with a stack for a bug. */
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { UserError } from '../gpu/errors.ts';
import { registerDemo } from './demo.ts';
import { registerDoctor } from './doctor.ts';
import { Interrupted } from './interrupt.ts';
import { registerSample } from './sample.ts';
import { registerScore } from './score.ts';
import { registerTrain } from './train.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

const program = new Command('entropic-gan')
  .description(
    'Trains entropic GANs and computes log-likelihoods of samples under them, in WebGPU compute shaders.\n\n' +
      'A data SPEC is a built-in name or a path, with selectors:\n' +
      '  glyphs?labels=1&split=test   drawn digits, built in\n' +
      '  gaussian:64                  a Gaussian with a known covariance\n' +
      '  mnist?labels=1&limit=1000    a folder of IDX files under $ENTROPIC_GAN_DATA\n' +
      '  svhn?split=test&gray&size=28 SVHN, or cifar-10; images in grey, 28 by 28\n' +
      '  path/to/folder?split=test    files of these formats, or the path of one\n' +
      'In a shell, put a SPEC with & between quotes.',
  )
  .version(version)
  .addHelpText(
    'after',
    `
First steps:
  entropic-gan doctor                                                    what this machine has
  entropic-gan demo                                                      everything once, on built-in data
  entropic-gan train --data glyphs?labels=1 --out runs/one --warm-up
  entropic-gan score runs/one/model.safetensors --data 'glyphs?labels=1&split=test' --out scores.csv
  entropic-gan sample runs/one/model.safetensors --out ones.png`,
  )
  .configureOutput({ outputError: (text, write) => write(oneLine(text)) })
  .exitOverride();

/** Commander's message in the manner of this library's: one line that says where to look. */
function oneLine(text: string): string {
  const message = text
    .replace(/^error: /, '')
    .replace(/ argument '(.*)' is invalid\. /, " is '$1': ")
    .trim()
    .replaceAll('\n', ' ')
    .replace(/\.$/, '');
  return `entropic-gan: ${message}; add --help for what there is\n`;
}

// A reader that has enough, as `head` has, ends neither a training run nor the program with a stack.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return;
  console.error(`entropic-gan: stdout: cannot be written (${error.message}); send it elsewhere`);
  process.exitCode = 2;
});
process.stderr.on('error', () => {});

for (const register of [registerDemo, registerDoctor, registerTrain, registerScore, registerSample])
  register(program);

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else if (error instanceof Interrupted) process.exitCode = 130;
  else if (error instanceof UserError) {
    console.error(`entropic-gan: ${error.message}`);
    process.exitCode = 2;
  } else {
    console.error(error);
    process.exitCode = 1;
  }
}
