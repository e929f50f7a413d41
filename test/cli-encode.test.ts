/** `entropic-gan encode` as people meet it: every run is a process of its own. */
import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { trainerSettings } from '../src/gan/settings.ts';
import { optimiserStateBytes } from '../src/ops/optimiser.ts';
import { unflatten } from '../src/gan/weights.ts';
import { initialParameters } from '../src/nn/initialise.ts';
import { linear, networksOf } from '../src/nn/architectures.ts';
import { adam } from '../src/nn/optimisers.ts';
import { NETWORKS, type NetworkName } from '../src/gan/checkpoint.ts';
import type { Model, Weights } from '../src/gan/model.ts';
import { readModel, writeCheckpoint, writeModel } from '../src/node/model-files.ts';

const MAIN = join(import.meta.dirname, '..', 'src', 'cli', 'main.ts');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `encode`; `meanwhile` gets the process once it has printed something. */
function encode(args: string, meanwhile: (kill: () => void) => void = () => {}): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, 'encode', ...args.split(' ')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.once('data', () => meanwhile(() => child.kill('SIGINT')));
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })));
}

const ARCHITECTURE = linear({ sample: [4], latent: 2, hidden: [3] });

function model(): Model {
  const networks = networksOf(ARCHITECTURE);
  const weights = (network: NetworkName): Weights =>
    unflatten(networks[network].layout, initialParameters(networks[network].layout, 1, 0));
  return {
    configuration: {
      settings: trainerSettings({ model: ARCHITECTURE, lambda: 0.5 }),
      pixelScale: null,
      steps: 3,
      data: 'gaussian:4',
      adapter: '',
      kernels: [],
      variants: {},
    },
    generator: weights('generator'),
    statistics: new Map(),
    critic: weights('critic'),
  };
}

let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-encode-'));
  const made = model();
  await writeModel(at('model.safetensors'), made);
  const state = new Map(
    NETWORKS.flatMap((network) => {
      const { settings } = made.configuration;
      const sizes = optimiserStateBytes(
        settings[network],
        networksOf(ARCHITECTURE)[network].layout.bytes / 4,
      );
      return Object.entries(sizes).map(
        ([name, bytes]) => [`${network}.${name}`, new Uint32Array(bytes / 4)] as const,
      );
    }),
  );
  await writeCheckpoint(at('checkpoint.safetensors'), { model: made, generator: made.generator, state });
});
afterAll(() => rm(folder, { recursive: true }));

it('puts an encoder into the model file, and reports the bound as it rises', async () => {
  await copyFile(at('model.safetensors'), at('own.safetensors'));
  const { code, stdout, stderr } = await encode(
    `${at('own.safetensors')} --data gaussian:4 --hidden 6 --steps 25 --batch 8 --samples 2 --simulated 0.5 --rate 0.01 --seed 3 --report-every 10 --json`,
  );
  expect(code, stderr).toBe(0);
  const records = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(records.map(({ step }) => step)).toEqual([10, 20, 25, undefined]);
  for (const { bound, simulatedBound, ess } of records.slice(0, 3))
    for (const value of [bound, simulatedBound, ess]) expect(value).toEqual(expect.any(Number));
  const { encoder, ...rest } = await readModel(at('own.safetensors'));
  expect(rest).toEqual(model());
  expect(encoder?.layers).toEqual([
    { kind: 'dense', units: 6, activation: 'relu' },
    { kind: 'dense', units: 5 },
  ]);
  const training = {
    cost: 'half-squared',
    lambda: 0.5,
    steps: 25,
    batch: 8,
    simulated: 0.5,
    samples: 2,
    optimiser: adam({ rate: 0.01 }),
    seed: 3,
    data: 'gaussian:4',
  };
  expect(encoder?.training).toEqual(training);
  expect(records[3]).toEqual({ out: at('own.safetensors'), ...training });
});

it('writes to another file where it is told to, also from a checkpoint, and says what came out', async () => {
  const before = await readFile(at('checkpoint.safetensors'));
  const { code, stdout, stderr } = await encode(
    `${at('checkpoint.safetensors')} --data gaussian:4 --hidden 3 --steps 2 --batch 4 --out ${at('other.safetensors')} --cost l1 --lambda 2`,
  );
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(
    /other\.safetensors: an encoder for .*, 2 steps on gaussian:4: mean bound -\d+\.\d\d nats from 8 latents/,
  );
  expect((await readModel(at('other.safetensors'))).encoder?.training).toMatchObject({
    cost: 'l1',
    lambda: 2,
  });
  expect(await readFile(at('checkpoint.safetensors'))).toEqual(before);
});

it('leaves the file as it was on Ctrl-C', async () => {
  const before = await readFile(at('model.safetensors'));
  const { code, stdout } = await encode(
    `${at('model.safetensors')} --data gaussian:4 --hidden 6 --steps 10000000 --batch 8 --report-every 1 --json`,
    (kill) => kill(),
  );
  expect(code).toBe(130);
  expect(stdout).not.toContain('"out"');
  expect(await readFile(at('model.safetensors'))).toEqual(before);
  expect((await readdir(folder)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
});

it.each([
  ['no data', '', /^entropic-gan: required option '--data <spec>' not specified/],
  [
    'data of another shape',
    '--data gaussian:5',
    /images of gaussian:5 have shape \[5\] \(5 values\), the model was made for \[4\] \(4\)/,
  ],
  [
    'a share above 1',
    '--data gaussian:4 --simulated 2',
    /encoder: simulated is 2; must be a share from 0 to 1/,
  ],
  [
    'no samples',
    '--data gaussian:4 --samples 0',
    /option '--samples <K>' is '0': give a whole number of 1 or more/,
  ],
  ['another cost without its λ', '--data gaussian:4 --cost l1', /cost is l1, but lambda is missing/],
])('bad input ends with exit code 2 and one line: %s', async (_, args, message) => {
  const { code, stdout, stderr } = await encode(`${at('model.safetensors')} ${args}`.trim());
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toMatch(message);
  expect(stderr.trim()).not.toContain('\n');
});

it('refuses to overwrite a checkpoint, and a file that is none of a model', async () => {
  const refused = await encode(`${at('checkpoint.safetensors')} --data gaussian:4`);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toMatch(/checkpoint\.safetensors is a checkpoint, .* with --out$/m);
  const missing = await encode(`${at('none.safetensors')} --data gaussian:4`);
  expect(missing.code).toBe(2);
  expect(missing.stderr).toMatch(/none\.safetensors: cannot be read \(no such file or folder\)/);
});
