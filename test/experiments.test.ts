/** The experiments as people meet them: each a process of its own, on a few drawn digits in the formats of real data. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shiftOf } from '../experiments/shift.ts';
import { meanPairDistance } from '../experiments/sample-spread.ts';
import { glyphs } from '../src/data/glyphs.ts';
import { readCheckpoint } from '../src/node/model-files.ts';
import { describeGpu } from './support/device.ts';

const MAIN = join(import.meta.dirname, '..', 'experiments', 'main.ts');

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts an experiment; `ended` resolves when the process has. */
function start(...args: string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', MAIN, ...args.flatMap((text) => text.split(' '))],
    {
      env: { ...process.env, ENTROPIC_GAN_DATA: at('data') },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code) => resolve({ code, stdout, stderr })),
  );
  return { child, ended };
}

async function succeed(...args: string[]): Promise<Ended> {
  const ended = await start(...args).ended;
  expect(ended.code, ended.stderr).toBe(0);
  return ended;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** IDX files of drawn digits, as MNIST's. */
async function writeIdx(path: string, prefix: string, split: 'train' | 'test', count: number): Promise<void> {
  const { pixels, labels } = glyphs({ split, limit: count });
  const file = (sizes: readonly number[], bytes: ArrayLike<number>): Uint8Array => {
    const header = new DataView(new ArrayBuffer(4 + 4 * sizes.length));
    header.setUint32(0, 0x0800 + sizes.length);
    sizes.forEach((size, i) => header.setUint32(4 + 4 * i, size));
    return Buffer.concat([new Uint8Array(header.buffer), Uint8Array.from(bytes)]);
  };
  await mkdir(path, { recursive: true });
  await writeFile(join(path, `${prefix}-images-idx3-ubyte`), file([count, 28, 28], pixels.data));
  await writeFile(join(path, `${prefix}-labels-idx1-ubyte`), file([count], labels as Int32Array));
}

/** An uncompressed file of SVHN's layout with flat colours. */
async function writeSvhn(path: string, count: number): Promise<void> {
  const words = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer);
  const variable = (name: string, dimensions: readonly number[], data: Uint8Array): Buffer => {
    const padding = Buffer.alloc((8 - (data.length % 8)) % 8);
    const body = Buffer.concat([
      words(6, 8, 9, 0, 5, 4 * dimensions.length, ...dimensions, ...(dimensions.length % 2 === 1 ? [0] : [])),
      words(65536 + 1, name.charCodeAt(0), 2, data.length),
      data,
      padding,
    ]);
    return Buffer.concat([words(14, body.length), body]);
  };
  const header = Buffer.alloc(128, ' ');
  header.write('MATLAB 5.0 MAT-file');
  header.writeUInt16LE(0x0100, 124);
  header.write('IM', 126);
  const pixels = Uint8Array.from({ length: 3072 * count }, (_, i) => 90 + ((i >> 10) % 3) * 30);
  await mkdir(path, { recursive: true });
  await writeFile(
    join(path, 'test_32x32.mat'),
    Buffer.concat([
      header,
      variable('X', [32, 32, 3, count], pixels),
      variable('y', [count, 1], new Uint8Array(count).fill(10)),
    ]),
  );
}

const number = v.pipe(v.number(), v.finite());
const interval = v.strictObject({ value: number, low: number, high: number });
const share = v.strictObject({
  value: v.pipe(number, v.minValue(0), v.maxValue(1)),
  low: v.pipe(number, v.minValue(0)),
  high: v.pipe(number, v.maxValue(1)),
});
const ofEstimators = <T extends v.GenericSchema>(value: T) =>
  v.strictObject({ importance: value, surrogate: value, 'paper-score': value });
const summary = { mean: interval, quantiles: v.strictTuple([number, number, number]) };
const ess = v.pipe(number, v.minValue(0.999));
const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const bound = v.strictObject({
  certificate: number,
  bitsPerDim: number,
  tight: count,
  loose: count,
  cause: v.nullable(v.string()),
});
const set = v.strictObject({
  name: v.string(),
  data: v.string(),
  count: v.pipe(v.number(), v.integer(), v.minValue(1)),
  estimators: v.strictObject({
    importance: v.strictObject({ ...summary, ess, bound }),
    surrogate: v.strictObject({ ...summary, ess }),
    'paper-score': v.strictObject(summary),
  }),
  modes: ofEstimators(number),
  nearestCost: interval,
  yardsticks: v.optional(
    v.strictObject({ constant: interval, linear: v.nullable(interval), parzen: interval }),
  ),
});
const comparison = v.strictObject({
  first: v.string(),
  other: v.string(),
  by: v.picklist([
    'importance',
    'surrogate',
    'paper-score',
    'nearest-sample',
    'constant',
    'linear',
    'parzen',
  ]),
  auroc: share,
  aupr: share,
  fpr95: share,
});
const common = {
  experiment: v.string(),
  preset: v.string(),
  seed: v.literal(1),
  adapter: v.pipe(v.string(), v.minLength(1)),
  trainingSeconds: v.pipe(number, v.minValue(0)),
  stated: v.strictObject({
    cost: v.string(),
    lambda: number,
    logC: number,
    dimensions: v.literal(784),
    latents: v.literal(100),
    pixelScale: v.literal(1 / 255),
    trainedOn: v.string(),
    steps: v.number(),
  }),
  sets: v.array(set),
  comparisons: v.array(comparison),
};
const RESULTS = {
  datasets: v.strictObject({
    ...common,
    sampleSpread: v.strictObject({ samples: v.literal(64), meanDistance: number }),
  }),
  iterations: v.strictObject({ ...common, iterations: v.array(v.number()) }),
  shift: v.strictObject({ ...common, shift: v.string() }),
};

const TINY = '--latents 100 --limit 12';

async function resultOf<K extends keyof typeof RESULTS>(name: K, path: string) {
  const result = v.parse(RESULTS[name], JSON.parse(await readFile(join(path, 'result.json'), 'utf8')));
  for (const figure of ['log-likelihoods.svg', 'paper-scores.svg'])
    expect(await readFile(join(path, figure), 'utf8')).toMatch(/^<svg.*<\/svg>$/s);
  const [header = '', ...rows] = lines(await readFile(join(path, 'scores.csv'), 'utf8'));
  expect(header).toMatch(/^dataset,index,label,surrogate,importance,.*,paper_score,reason,nearest_cost$/);
  expect(rows).toHaveLength(result.sets.reduce((sum, { count }) => sum + count, 0));
  return result;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'experiments-'));
  await writeIdx(at('data', 'mnist'), 'train', 'train', 700);
  await writeIdx(at('data', 'mnist'), 't10k', 'test', 200);
  await writeSvhn(at('data', 'svhn'), 15);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describeGpu('experiments', (device) => {
  it('datasets: trains on 1s, scores four sets by every measure, and prints its result', async () => {
    const out = at('datasets');
    const { stdout } = await succeed(`datasets --steps 2 ${TINY} --json --out ${out}`);
    const result = await resultOf('datasets', out);
    expect(JSON.parse(lines(stdout).at(-1) as string)).toEqual(result);
    expect(result.stated).toMatchObject({
      trainedOn: 'mnist?labels=1',
      steps: 2,
      cost: 'half-squared',
      lambda: 1,
    });
    expect(result.sets.map(({ data, count }) => [data, count])).toEqual([
      ['mnist?labels=1&split=test&limit=12', 12],
      ['mnist?split=test&limit=12', 12],
      ['mnist?labels=0,2-9&split=test&limit=12', 12],
      ['svhn?split=test&limit=12&gray&size=28', 12],
    ]);
    expect(result.comparisons).toHaveLength(14);
    for (const { yardsticks } of result.sets) expect(yardsticks?.linear).not.toBeNull();
  });

  it('datasets: does nothing twice', async () => {
    const out = at('datasets');
    const before = await readFile(join(out, 'result.json'), 'utf8');
    const files = await readdir(join(out, 'kept'));
    expect(files).toHaveLength(5);
    const { stderr, stdout } = await succeed(`datasets --steps 2 ${TINY} --out ${out}`);
    expect(stderr).not.toMatch(/training|scoring|yardsticks/);
    expect(stdout).toContain('MNIST 1, test against');
    expect(await readFile(join(out, 'result.json'), 'utf8')).toBe(before);
  });

  /** Enough after iteration 2 for a signal to come in between. */
  const last = device.adapter.kind === 'software' ? 5 : 3000;
  const ITERATIONS = `iterations --steps ${last} --at 1,2,${last} ${TINY}`;

  it('iterations: keeps a model of each, and scores it', async () => {
    const out = at('iterations');
    await succeed(`${ITERATIONS} --out ${out}`);
    const result = await resultOf('iterations', out);
    expect(result.iterations).toEqual([1, 2, last]);
    expect(result.sets.map(({ name }) => name)).toEqual(['iteration 1', 'iteration 2', `iteration ${last}`]);
    const means = result.sets.map(({ estimators }) => estimators.importance.mean.value);
    expect(new Set(means).size).toBe(3);
    expect((await readdir(join(out, 'models'))).sort()).toEqual(
      [1, 2, last].map((step) => `${String(step).padStart(6, '0')}.safetensors`),
    );
  });

  it('iterations: interrupted, saves and ends with 130; goes on as if it had not been', async () => {
    const out = at('halves');
    const { child, ended } = start(`${ITERATIONS} --out ${out}`);
    while (child.exitCode === null && !(await exists(join(out, 'models', '000002.safetensors'))))
      await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    const { code, stderr } = await ended;
    expect(code, stderr).toBe(130);
    expect(stderr).toContain('the same command goes on from there');
    expect(await exists(join(out, 'result.json'))).toBe(false);
    const checkpoint = await readCheckpoint(join(out, 'training', 'checkpoint.safetensors'));
    const { steps } = checkpoint.model.configuration;
    expect(steps).toBeLessThan(last);
    const resumed = await succeed(`${ITERATIONS} --out ${out}`);
    expect(resumed.stderr).toContain(`goes on from step ${steps} on mnist`);
    const [a, b] = [await resultOf('iterations', out), await resultOf('iterations', at('iterations'))];
    expect({ ...a, trainingSeconds: 0 }).toEqual({ ...b, trainingSeconds: 0 });
  });

  it('shift: trains on all digits but one', async () => {
    const out = at('shift');
    await succeed(`shift --steps 1 ${TINY} --out ${out}`);
    const result = await resultOf('shift', out);
    expect(result.shift).toBe('Trained on all digits but 1');
    expect(result.stated.trainedOn).toBe('mnist?labels=0,2-9');
    expect(result.sets.map(({ data }) => data)).toEqual([
      'mnist?labels=0,2-9&split=test&limit=12',
      'mnist?labels=1&split=test&limit=12',
    ]);
    expect(result.comparisons.map(({ by }) => by)).toEqual([
      'surrogate',
      'importance',
      'paper-score',
      'nearest-sample',
    ]);
  });

  it('shift: prefers Fashion-MNIST where its training split is there, unless told', async () => {
    const root = at('other-data');
    expect((await shiftOf(undefined, root)).training).toBe('mnist?labels=0,2,3,4,5,6,7,8,9');
    await writeIdx(join(root, 'fashion-mnist'), 't10k', 'test', 2);
    expect((await shiftOf(undefined, root)).training).toBe('mnist?labels=0,2,3,4,5,6,7,8,9');
    await writeIdx(join(root, 'fashion-mnist'), 'train', 'train', 2);
    expect(await shiftOf(undefined, root)).toMatchObject({
      training: 'fashion-mnist',
      like: ['Fashion-MNIST, test', 'fashion-mnist?split=test'],
      unlike: ['MNIST, test', 'mnist?split=test'],
    });
    expect((await shiftOf(7, root)).training).toBe('mnist?labels=0,1,2,3,4,5,6,8,9');
  });

  it.concurrent.each([
    [
      'a folder of other settings',
      () => `datasets --steps 2 --seed 2 --out ${at('datasets')}`,
      /datasets: holds a model trained with another seed: 1, asked is 2; choose another folder/,
    ],
    [
      'a folder of other data',
      () => `shift --steps 2 --leave-out 1 --out ${at('datasets')}`,
      /holds a model of mnist\?labels=1, this experiment trains on mnist\?labels=0,2-9/,
    ],
    [
      'fewer steps than were made',
      () => `datasets --steps 1 --out ${at('datasets')}`,
      /holds a run of 2 steps, which kept no model of step 1; ask for 2 or more/,
    ],
    [
      'iterations beyond the steps',
      () => `iterations --steps 5 --at 1,6 --out ${at('never')}`,
      /--at asks for 6, training makes 5 steps/,
    ],
    ['falling iterations', () => `iterations --at 5,1 --out ${at('never')}`, /give rising whole numbers/],
    [
      'a digit that is none',
      () => `shift --leave-out 10 --out ${at('never')}`,
      /--leave-out is 10; must be a digit/,
    ],
    [
      'a preset of another experiment',
      () => `shift --preset quick-mnist1 --out ${at('never')}`,
      /Allowed choices are quick-mnist, paper-mnist/,
    ],
  ])('end with exit code 2 and one line on %s', async (_, args, message) => {
    const { code, stderr } = await start(args()).ended;
    expect(code, stderr).toBe(2);
    const said = lines(stderr).filter((line) => !/^Warning:|^ +at /.test(line));
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(message);
  });
});

describe('the spread of samples', () => {
  it('is the mean Euclidean distance over all pairs', () => {
    // 3-4-5 triangles: 5, 10 and 5.
    expect(meanPairDistance(Float32Array.from([0, 0, 3, 4, 6, 8]), 3)).toBeCloseTo(20 / 3, 12);
    expect(meanPairDistance(new Float32Array(8).fill(0.3), 4)).toBe(0);
  });
});
