#!/usr/bin/env node
/** The command line: `entropic-gan <command>`. */
import { createRequire } from 'node:module';
import { Command } from 'commander';
import { registerDemo } from './demo.ts';
import { registerDoctor } from './doctor.ts';
import { registerEncode } from './encode.ts';
import { registerGaussian } from './gaussian.ts';
import { runProgram } from './run-program.ts';
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
  );

for (const register of [
  registerDemo,
  registerDoctor,
  registerTrain,
  registerScore,
  registerEncode,
  registerSample,
  registerGaussian,
])
  register(program);

await runProgram(program);
