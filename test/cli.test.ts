/** The command line as people meet it: every run is a process of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { lstat, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PNG } from 'pngjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint, readModel } from '../src/node/model-files.ts';

const MAIN = join(import.meta.dirname, '..', 'src', 'cli', 'main.ts');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the command line; `ended` resolves when the process has. */
function start(
  args: readonly string[],
  env: Record<string, string> = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const ended = new Promise<Ended>((resolve) =>
    child.on('close', (code) => resolve({ code, stdout, stderr })),
  );
  return { child, ended };
}

/** The words of command lines: paths of the test have no blanks. */
const words = (...texts: string[]): string[] => texts.flatMap((text) => text.split(' '));

/** Runs, and gives stdout where the exit code is 0. */
async function succeed(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await start(words(...args)).ended;
  expect(code, stderr).toBe(0);
  return stdout;
}

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);

/** A file of the IDX format: magic, big-endian sizes, bytes. */
function idx(sizes: readonly number[], bytes: ArrayLike<number>): Uint8Array {
  const header = new DataView(new ArrayBuffer(4 + 4 * sizes.length));
  header.setUint32(0, 0x0800 + sizes.length);
  sizes.forEach((size, i) => header.setUint32(4 + 4 * i, size));
  return Uint8Array.of(...new Uint8Array(header.buffer), ...Array.from(bytes));
}

/** 40 images of 4×4, two kinds. */
const IMAGES = idx(
  [40, 4, 4],
  Array.from({ length: 640 }, (_, i) => ((i >> 4) % 2 === 0 ? (i * 37) % 100 : 255 - ((i * 11) % 100))),
);
const LABELS = idx(
  [40],
  Array.from({ length: 40 }, (_, i) => i % 2),
);

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Waits until a condition holds; the test's own timeout ends a wait in vain. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** The reports of a run, less what depends on the clock. */
async function reports(path: string): Promise<Record<string, number>[]> {
  return lines(await readFile(join(path, 'metrics.jsonl'), 'utf8')).map((line) => {
    const { stepsPerSecond, ...report } = JSON.parse(line) as Record<string, number>;
    expect(stepsPerSecond).toBeGreaterThanOrEqual(0);
    return report;
  });
}

const TINY = '--hidden 8 --latent 2 --batch 8 --seed 3 --ema 0.9';
const PLAN = '--steps 300 --report-every 20 --checkpoint-every 100';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'));
  await Promise.all([
    writeFile(at('t10k-images-idx3-ubyte'), IMAGES),
    writeFile(at('t10k-labels-idx1-ubyte'), LABELS),
    writeFile(at('train-images-idx3-ubyte'), IMAGES),
    writeFile(at('train-labels-idx1-ubyte'), LABELS),
    writeFile(at('cut-images-idx3-ubyte'), IMAGES.subarray(0, 300)),
    writeFile(at('magic-images-idx3-ubyte'), Uint8Array.of(0, 0, 13, 3, ...IMAGES.subarray(4))),
    writeFile(at('odd-images-idx3-ubyte'), IMAGES),
    writeFile(at('odd-labels-idx1-ubyte'), idx([3], [0, 1, 2])),
    writeFile(at('wide-images-idx3-ubyte'), idx([2, 5, 5], new Uint8Array(50))),
    writeFile(at('plain-file'), 'text'),
  ]);
  await succeed(`train --data ${folder} --out ${at('base')}`, TINY, PLAN);
}, 120_000);

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('help', () => {
  it('lists the commands and first steps', async () => {
    const help = await succeed('--help');
    for (const command of ['demo', 'doctor', 'train', 'score', 'sample', 'gaussian'])
      expect(help).toMatch(new RegExp(`^  ${command} \\[options\\]`, 'm'));
    expect(help).toContain('First steps:');
  });

  it('of train shows defaults and examples', async () => {
    const help = await succeed('train --help');
    expect(help).toMatch(/--batch <n> [^[]*\(default: 128\)/);
    expect(help).toMatch(/--cost <name> [^[]*\(choices: "l1",\s+"squared",\s+"half-squared"/);
    expect(help).toContain('entropic-gan train --resume runs/one --steps 3000');
  });
});

describe('train', () => {
  it('writes model, checkpoint, metrics and grids, and nothing else', async () => {
    expect((await readdir(at('base'))).sort()).toEqual([
      'checkpoint.safetensors',
      'metrics.jsonl',
      'model.safetensors',
      'samples-000100.png',
      'samples-000200.png',
      'samples-000300.png',
    ]);
    const steps = (await reports(at('base'))).map(({ step }) => step);
    expect(steps).toEqual(Array.from({ length: 15 }, (_, i) => 20 * (i + 1)));
    const { configuration } = await readModel(at('base', 'model.safetensors'));
    expect(configuration).toMatchObject({ steps: 300, data: folder, pixelScale: 1 / 255 });
    expect(configuration.settings).toMatchObject({ cost: 'half-squared', form: 'logmeanexp', batch: 8 });
    expect((await readCheckpoint(at('base', 'checkpoint.safetensors'))).plan?.steps).toBe(300);
    const grid = PNG.sync.read(await readFile(at('base', 'samples-000300.png')));
    expect([grid.width, grid.height]).toEqual([82, 82]); // 8 cells of 2·4 + 2, and 2 around
  });

  it('chooses kernels with --tune, keeps the choices in the cache folder, and says how', async () => {
    const run = async (name: string, cache: string): Promise<Ended> => {
      const data = 'gaussian:4?limit=20 --arch linear --quadratic-critics --latent 2 --batch 8';
      const args = words(`train --data ${data} --out ${at(name)} --json --tune --steps 1`);
      const ended = await start(args, { XDG_CACHE_HOME: cache }).ended;
      expect(ended.code, ended.stderr).toBe(0);
      return ended;
    };
    await mkdir(at('cache', 'entropic-gan'), { recursive: true });
    const first = await run('tuned', at('cache'));
    const said = /^kernels: (\d+) shapes timed in [0-3]\.\d s, 0 known from the cache/m.exec(first.stderr);
    expect(Number(said?.[1]), first.stderr).toBeGreaterThan(0);
    const { variants } = (await readModel(at('tuned', 'model.safetensors'))).configuration;
    const file = (await readdir(at('cache', 'entropic-gan'))).find((name) => name.startsWith('variants-'));
    const kept = JSON.parse(await readFile(at('cache', 'entropic-gan', file!), 'utf8')) as {
      variants: Record<string, string>;
    };
    expect(variants).toMatchObject(kept.variants);
    const second = await run('tuned-again', at('cache'));
    expect(second.stderr).toContain(`${said![1]} known from the cache`);
    const last = JSON.parse(lines(second.stdout).at(-1)!) as { tuning: { cached: number } };
    expect(last.tuning.cached).toBe(Number(said![1]));

    await rm(at('cache', 'entropic-gan', file!));
    await mkdir(at('cache', 'entropic-gan', file!)); // in the way of the file
    const third = await run('tuned-uncached', at('cache'));
    expect(third.stderr).toMatch(
      /^kernels: the choices are not kept: .*variants-.*: cannot be written \(.*folder/m,
    );
  });

  it('takes the recipe from its options, and times every kernel with --profile', async () => {
    const out = await succeed(
      'train --data gaussian:6?limit=50 --arch linear --latent 3 --cost squared --form exp --generator-loss primal',
      '--lambda 40 --warm-up --batch 16 --critic-steps 1 --rate 1e-3 --seed 5 --skip-rule --ema 0.5 --steps 3 --profile',
      `--out ${at('recipe')}`,
    );
    const { settings, pixelScale } = (await readModel(at('recipe', 'model.safetensors'))).configuration;
    expect(pixelScale).toBeNull();
    expect(settings).toMatchObject({
      cost: 'squared',
      form: 'exp',
      generatorLoss: 'primal',
      batch: 16,
      criticSteps: 1,
      seed: 5,
      skipRule: true,
      averageDecay: 0.5,
      model: { sample: [6], latent: 3, generator: [{ kind: 'dense', units: 6 }] },
      critic: { kind: 'adam', rate: 1e-3, beta1: 0.5, beta2: 0.99 },
    });
    expect(settings.lambda.map(([from]) => from)).toEqual([0, 49, 99, 199]);
    expect(settings.lambda.map(([, value]) => value / 40)).toEqual([2, 1.6, 1.28, 1]);
    expect(await exists(at('recipe', 'samples-000003.png'))).toBe(false); // no images
    expect(out).toMatch(/^kernel +calls +ms +GFLOP\/s +GB\/s +% of step$/m);
    expect(out).toMatch(/^optimiser_adam +6 /m); // a step of the critic and one of the generator, three times
  });

  it('takes other objectives, and says of them what is true', async () => {
    const progress = await succeed(
      `train --data ${folder} --objective wgan-gp --lambda 0.5 --hidden 8 --latent 2 --batch 8 --steps 4`,
      `--report-every 2 --out ${at('penalised')}`,
    );
    expect(progress).toContain('4 steps');
    const { settings } = (await readModel(at('penalised', 'model.safetensors'))).configuration;
    expect(settings).toMatchObject({
      objective: 'wgan-gp',
      criticSteps: 5,
      critic: { kind: 'adam', rate: 1e-4, beta1: 0, beta2: 0.9 },
    });
    const written = await readFile(at('penalised', 'metrics.jsonl'), 'utf8');
    for (const line of lines(written)) {
      const report = JSON.parse(line) as Record<string, unknown>;
      for (const name of [
        'meanP',
        'maxRowError',
        'maxColError',
        'meanPLogP',
        'transportCost',
        'clippedPairs',
      ])
        expect(report[name], name).toBeNull();
      expect(report['penalty']).toBeGreaterThan(0);
    }
    const scored = await succeed(
      `score ${at('penalised', 'model.safetensors')} --data ${folder} --latents 50 --cost l1 --lambda 0.2`,
    );
    expect(scored).toContain('cost l1, λ = 0.2');
  });

  it('resumes after Ctrl-C, and after being killed, as if it had never stopped', async () => {
    const path = at('stopped');
    const stepOf = async (): Promise<number> =>
      (await readCheckpoint(join(path, 'checkpoint.safetensors'))).model.configuration.steps;

    const first = start(words(`train --data ${folder} --out ${path}`, TINY, PLAN));
    await until(async () => (await readFile(join(path, 'metrics.jsonl')).catch(() => '')).length > 0);
    first.child.kill('SIGINT');
    const interrupted = await first.ended;
    const step = await stepOf();
    expect(interrupted.code, interrupted.stderr).toBe(130);
    expect(interrupted.stderr).toContain(`saved step ${step} of 300; go on with --resume ${path}`);
    expect(step).toBeLessThan(300);
    expect((await readModel(join(path, 'model.safetensors'))).configuration.steps).toBe(step);

    const second = start(words(`train --resume ${path}`));
    await until(async () => (await stepOf()) > step);
    second.child.kill('SIGKILL');
    expect((await second.ended).code).toBe(null);

    await succeed(`train --resume ${path}`);
    for (const name of ['model.safetensors', 'checkpoint.safetensors', 'samples-000300.png']) {
      const [here, there] = await Promise.all([readFile(join(path, name)), readFile(at('base', name))]);
      expect(here.equals(there), name).toBe(true);
    }
    expect(await reports(path)).toEqual(await reports(at('base')));
  });

  it('stops where the objective is no longer finite, and leaves the last good checkpoint', async () => {
    const { code, stderr } = await start(
      words(
        `train --data ${folder} --out ${at('broken')} --hidden 8 --latent 2 --batch 8 --lambda 0:1,50:1e-37`,
        '--steps 100 --report-every 20 --checkpoint-every 40',
      ),
    ).ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /no longer finite .*raise lambda.*; the last good checkpoint is .*checkpoint\.safetensors, of step 40$/m,
    );
    const { model } = await readCheckpoint(at('broken', 'checkpoint.safetensors')); // checks that it is finite
    expect(model.configuration.steps).toBe(40);
  });
});

describe('score', () => {
  it('writes the columns and prints summaries and separation', async () => {
    const out = at('scores', 'scores.csv');
    const stdout = await succeed(
      `score ${at('base', 'model.safetensors')} --latents 500 --out ${out} --baselines ${folder}`,
      `--data ${folder}?labels=0&split=test --data ${folder}?labels=1&split=test&limit=7`,
      '--estimators surrogate,importance,paper-score',
    );
    expect(stdout).toContain(
      'cost half-squared, λ = 1, d = 16, log C = -14.70, pixels are bytes times 1/255',
    );
    expect(stdout).toMatch(/^yardsticks: mean log-likelihood +constant image +linear generator +Parzen$/m);
    expect(stdout).toMatch(/AUROC \[95 %\]/);
    expect(stdout).toMatch(/mean L_K +± 95 %.*certificate +bits\/dim +tight +loose mostly for$/m);
    const [header, ...rows] = lines(await readFile(out, 'utf8'));
    expect(header).toBe(
      'dataset,index,label,surrogate,importance,distance,latent,coupling_entropy,log_c,ess_surrogate,ess_importance,max_weight,pareto_k,standard_error,certificate,verdict,bits_per_dim,paper_score,reason',
    );
    expect(rows).toHaveLength(27);
    const names = (header as string).split(',');
    rows.forEach((row, i) => {
      const cells = row.split(',');
      expect(cells).toHaveLength(names.length);
      const value = (name: string): number => Number(cells[names.indexOf(name)]);
      expect([value('index'), value('label')]).toEqual(i < 20 ? [i, 0] : [i - 20, 1]);
      expect(value('surrogate')).toBeLessThanOrEqual(
        value('importance') + 1e-5 * (1 + Math.abs(value('importance'))),
      );
      const sum = value('distance') + value('latent') + value('coupling_entropy') + value('log_c');
      expect(sum).toBeCloseTo(value('surrogate'), 9);
      expect(value('certificate')).toBeCloseTo(value('importance') - Math.log(20), 9);
      expect(value('bits_per_dim')).toBeCloseTo(-value('importance') / (16 * Math.LN2) + Math.log2(255), 9);
      const [verdict, reason] = [cells[names.indexOf('verdict')], cells[names.indexOf('reason')]];
      expect(reason).toMatch(verdict === 'tight' ? /^ESS \d\S*(; k̂ \S+)?$/ : /below 10|above 0\.7/);
      for (const name of ['ess_surrogate', 'ess_importance', 'max_weight', 'pareto_k', 'paper_score'])
        expect(cells[names.indexOf(name)]).toMatch(/^-?\d/);
    });
  });

  it('prints one JSON object a line, and leaves out estimators that were not asked for', async () => {
    const out = at('some.csv');
    const stdout = await succeed(
      `score ${at('base', 'checkpoint.safetensors')} --latents 100 --json --lambda 0.5 --limit 5`,
      `--data ${folder} --data ${folder}?labels=1 --estimators importance,laplace --proposal-latents 32 --out ${out}`,
    );
    const [first, second, separation, byLaplace, ...others] = lines(stdout).map(
      (line) => JSON.parse(line) as Record<string, unknown>,
    );
    expect(others).toEqual([]);
    expect(first).toMatchObject({ name: `${folder}?limit=5`, count: 5, lambda: 0.5, latents: 100 });
    expect(first).toMatchObject({ adapted: { laplace: { latents: 32 } } });
    expect(Object.keys(first?.['estimators'] as object)).toEqual(['importance', 'laplace']);
    expect(second).toMatchObject({ name: `${folder}?labels=1&limit=5` });
    expect(separation).toMatchObject({ estimator: 'importance', first: `${folder}?limit=5` });
    expect(byLaplace).toMatchObject({ estimator: 'laplace', first: `${folder}?limit=5` });
    const [header = '', row = ''] = lines(await readFile(out, 'utf8'));
    const cell = (name: string): string | undefined => row.split(',')[header.split(',').indexOf(name)];
    expect([cell('surrogate'), cell('paper_score')]).toEqual(['', '']);
    for (const name of ['importance', 'laplace', 'laplace_ess', 'laplace_standard_error'])
      expect(cell(name)).toMatch(/^-?\d/);
    // Two estimates of the same likelihood, in a model that either fits.
    expect(Math.abs(Number(cell('laplace')) - Number(cell('importance')))).toBeLessThan(0.5);
    expect(header).toMatch(/,paper_score,laplace,.*,laplace_verdict,reason$/);
  });

  it('shows how the estimates change with K, and whether a set is typical of another', async () => {
    const inSweep = (name: string): string => at('sweep', name);
    const stdout = await succeed(
      `score ${at('base', 'model.safetensors')} --latents 4,40,400 --data ${folder}?labels=0 --limit 6`,
      `--typical-of ${folder}?labels=1 --out ${inSweep('s.csv')} --sweep ${inSweep('s.svg')} --json`,
    );
    const [summary, ...others] = lines(stdout).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(others).toEqual([]);
    const { latents, estimators, sweep, typicality } = summary as {
      latents: number;
      estimators: Record<string, { mean: object }>;
      sweep: { latents: number; importance: object; surrogate: object }[];
      typicality: object;
    };
    expect(latents).toBe(400);
    expect(sweep.map((point) => point.latents)).toEqual([4, 40, 400]);
    const ends = { value: expect.any(Number), low: expect.any(Number), high: expect.any(Number) } as object;
    for (const point of sweep) expect(point).toMatchObject({ importance: ends, surrogate: ends });
    expect(sweep[2]).toMatchObject({
      importance: estimators['importance']?.mean,
      surrogate: estimators['surrogate']?.mean,
    });
    expect(typicality).toEqual({
      reference: `${folder}?labels=1`,
      referenceCount: 20,
      difference: expect.any(Number) as number,
      pValue: expect.any(Number) as number,
    });
    const svg = await readFile(inSweep('s.svg'), 'utf8');
    for (const text of ['latents a sample, K (logarithmic scale)', '400', 'S_K, surrogate'])
      expect(svg).toContain(text);
    // The CSV holds the largest K alone.
    const rows = lines(await readFile(inSweep('s.csv'), 'utf8')).slice(1);
    const means = rows.reduce((sum, row) => sum + Number(row.split(',')[4]), 0) / rows.length;
    expect(rows).toHaveLength(6);
    expect(means).toBeCloseTo((sweep[2]!.importance as { value: number }).value, 9);
  });
});

describe('sample', () => {
  it('draws the same images for the same seed', async () => {
    const draw = async (name: string, seed: string): Promise<Buffer> => {
      await succeed(`sample ${at('base', 'model.safetensors')} --count 6 --out ${at(name)} --seed ${seed}`);
      return readFile(at(name));
    };
    const first = await draw('a.png', '3');
    const { width, height } = PNG.sync.read(first);
    expect([width, height]).toEqual([32, 22]); // 3 by 2
    expect((await draw('b.png', '3')).equals(first)).toBe(true);
  });
});

describe('where results go', () => {
  it('a pipe is written to, not replaced, and a link is followed', async () => {
    const draw = (out: string): Promise<string> =>
      succeed(`sample ${at('base', 'model.safetensors')} --count 1 --out ${out}`);
    await writeFile(at('linked.png'), '');
    await symlink(at('linked.png'), at('link.png'));
    await draw(at('link.png'));
    expect((await lstat(at('link.png'))).isSymbolicLink()).toBe(true);
    const png = await readFile(at('linked.png'));
    expect(png.subarray(1, 4).toString()).toBe('PNG');
    execFileSync('mkfifo', [at('pipe.png')]);
    const [through] = await Promise.all([readFile(at('pipe.png')), draw(at('pipe.png'))]);
    expect(through.equals(png)).toBe(true);
    expect((await lstat(at('pipe.png'))).isFIFO()).toBe(true);
  });

  it('a reader that has gone is no error', async () => {
    const { child, ended } = start(['doctor']);
    child.stdout?.destroy();
    const { code, stderr } = await ended;
    expect({ code, stderr: lines(stderr).filter((line) => /error/i.test(line)) }).toEqual({
      code: 0,
      stderr: [],
    });
  });
});

describe('doctor', () => {
  it('says what the software adapter is, what it runs, and what mixed precision lacks there', async () => {
    const text = await succeed('doctor --adapter software --precision mixed');
    expect(text).toMatch(/^kind +software/m);
    expect(text).toMatch(/^mixed precision +no: has no GPU, no shader-f16$/m);
    const found = JSON.parse(await succeed('doctor --adapter software --json')) as {
      readonly mixedPrecisionLacks: string[];
      readonly variants: Record<string, string>;
    };
    expect(found.mixedPrecisionLacks).toEqual(['GPU', 'shader-f16']);
    expect(Object.values(found.variants).filter((kernel) => kernel === '')).toEqual([]);
  });
});

describe('gaussian', () => {
  const TINY_RUN = '--steps 5 --samples 20 --latents 64 --annealed 2';

  it('trains, measures and writes results, figure and models', async () => {
    const printed = lines(
      await succeed(`gaussian --dims 2,3 --json --seed 4 --out ${at('tight')}`, TINY_RUN),
    ).map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(printed.map(({ dims, seed, steps }) => [dims, seed, steps])).toEqual([
      [2, 4, 5],
      [3, 4, 5],
    ]);
    const { results } = JSON.parse(await readFile(at('tight', 'gaussian.json'), 'utf8')) as {
      results: unknown;
    };
    expect(results).toEqual(printed);
    expect(await readFile(at('tight', 'gaussian.svg'), 'utf8')).toMatch(/^<svg[^]*dimensions d/);
    const { settings } = (await readModel(at('tight', 'd3.safetensors'))).configuration;
    expect(settings.model.critic).toEqual({ real: [{ kind: 'quadratic' }], fake: [{ kind: 'quadratic' }] });
    expect(settings.lambda).toEqual([[0, printed[1]!['lambda']]]);
    const told = await succeed(`gaussian --dims 2 --seed 4 --out ${at('tight')}`, TINY_RUN);
    expect(told).toContain('seed 4; half-squared cost');
    expect(told).toMatch(/^2 +surrogate +20 /m);
    expect(told).toMatch(/^2 +ais +2 /m);
  });

  it('keeps what it has at Ctrl-C, and says how to go on', async () => {
    const { child, ended } = start(
      words(`gaussian --dims 2,3,4 --steps 20 --out ${at('cut')}`, '--annealed 0'),
    );
    await until(() => exists(at('cut', 'gaussian.svg')));
    child.kill('SIGINT');
    const { code, stderr, stdout } = await ended;
    expect(code, stderr).toBe(130);
    expect(stdout).toBe('');
    const { results } = JSON.parse(await readFile(at('cut', 'gaussian.json'), 'utf8')) as {
      results: { dims: number }[];
    };
    const done = results.map(({ dims }) => dims);
    const left = [2, 3, 4].filter((dims) => !done.includes(dims));
    expect(done).toContain(2);
    expect(stderr).toContain(`gaussian.json holds d = ${done}; for the rest: --dims ${left}`);
  });
});

describe('bad input ends with exit code 2 and one line', () => {
  const model = (): string => at('base', 'model.safetensors');
  const train = (...rest: string[]): string[] => ['train', '--data', folder, '--out', at('never'), ...rest];
  const score = (...rest: string[]): string[] => ['score', model(), '--data', folder, ...rest];

  const cases: Record<string, { args: () => string[]; message: RegExp; env?: Record<string, string> }> = {
    'an unknown command': {
      args: () => ['trian'],
      message: /unknown command 'trian' \(Did you mean train\?\)/,
    },
    'an unknown option': {
      args: () => train('--lamda', '3'),
      message: /unknown option '--lamda' \(Did you mean --lambda\?\); add --help/,
    },
    'a choice that is none': {
      args: () => train('--cost', 'l3'),
      message: /'--cost <name>' is 'l3': Allowed choices are l1, squared, half-squared, cosine/,
    },
    'no number': { args: () => train('--batch', 'many'), message: /'--batch <n>' is 'many': give a number/ },
    'no data': { args: () => ['train', '--out', at('never')], message: /--data is missing/ },
    'an unknown data name': {
      args: () => ['train', '--data', 'mnits?labels=1', '--out', at('never')],
      message: /mnits: cannot be read \(no such file or folder\); give gaussian:<dimension>, glyphs, mnist/,
    },
    'an unknown selector': {
      args: () => ['train', '--data', 'glyphs?label=1', '--out', at('never')],
      message: /unknown selector 'label'; known: labels, split/,
    },
    'a truncated IDX': {
      args: () => ['train', '--data', at('cut-images-idx3-ubyte'), '--out', at('never')],
      message: /cut-images-idx3-ubyte: cut short: 300 bytes, 656 expected for images of \[40, 4, 4\]/,
    },
    'an IDX of the wrong magic': {
      args: () => ['train', '--data', at('magic-images-idx3-ubyte'), '--out', at('never')],
      message: /magic-images-idx3-ubyte: unknown format: .* starting with 00 00 0d 03; known: IDX/,
    },
    'labels that do not match the images': {
      args: () => ['train', '--data', at('odd-images-idx3-ubyte'), '--out', at('never')],
      message: /3 labels for the 40 images of .*odd-images-idx3-ubyte/,
    },
    'a batch of 0': { args: () => train('--batch', '0'), message: /batch is 0; must be a whole number of 1/ },
    'λ of 0': {
      args: () => train('--lambda', '0'),
      message: /lambda: is 0 from iteration 0 on; must be .* above 0/,
    },
    'λ below 0 in a schedule': {
      args: () => train('--lambda', '0:5,10:-1'),
      message: /lambda: is -1 from iteration 10 on/,
    },
    'warm-up of a schedule': {
      args: () => train('--lambda', '0:5,10:4', '--warm-up'),
      message: /--warm-up: --lambda is a schedule already/,
    },
    'an output folder that cannot be written': {
      args: () => ['train', '--data', folder, '--out', at('plain-file', 'run')],
      message: /plain-file\/run: cannot be written \(part of the path is a file\); choose a folder/,
    },
    'an output folder that holds a run': {
      args: () => ['train', '--data', folder, '--out', at('base')],
      message: /base: holds a run already .*; continue it with --resume/,
    },
    'a recipe for a resumed run': {
      args: () => ['train', '--resume', at('base'), '--lambda', '3'],
      message: /--lambda cannot be given with --resume/,
    },
    'kernels chosen anew for a resumed run': {
      args: () => ['train', '--resume', at('base'), '--tune'],
      message: /--tune cannot be given with --resume/,
    },
    'a resume from a model': {
      args: () => ['train', '--resume', model()],
      message: /is a model without the optimisers' state; resume from checkpoint\.safetensors/,
    },
    'a resume on data of another shape': {
      args: () => [
        'train',
        '--resume',
        at('base'),
        '--data',
        at('wide-images-idx3-ubyte'),
        '--out',
        at('never2'),
      ],
      message: /have shape \[5,5,1\] \(25 values\), the model was made for \[4,4,1\] \(16\)/,
    },
    'a width of networks that have none': {
      args: () => train('--width', '8'),
      message: /--width is given, but the networks are mlp's, which --hidden shapes/,
    },
    'quadratic critics of other networks': {
      args: () => train('--quadratic-critics'),
      message: /--quadratic-critics is given, but the networks are mlp's; drop it, or take --arch linear/,
    },
    'a dimension that is none': {
      args: () => ['gaussian', '--dims', '5,0', '--out', at('never')],
      message: /'--dims <list>' is '5,0': give a whole number of 1 or more/,
    },
    'a dimension twice': {
      args: () => ['gaussian', '--dims', '5,10,5', '--out', at('never')],
      message: /'--dims <list>' is '5,10,5': 5 is there twice/,
    },
    'too many dimensions': {
      args: () => ['gaussian', '--dims', '2000', '--out', at('never')],
      message: /'--dims <list>' is '2000': 2000 is above 1024/,
    },
    'a form of the dual where there is none': {
      args: () => train('--objective', 'wgan', '--form', 'exp'),
      message: /form is exp, but objective wgan has no coupling to regularise; leave form out/,
    },
    'a warm-up of what is not trained with': {
      args: () => train('--objective', 'wgan-gp', '--warm-up'),
      message: /lambda is a schedule of 4 values, but objective wgan-gp does not train with it/,
    },
    'a score under the cosine cost': {
      args: () => ['score', at('cosine', 'model.safetensors'), '--data', folder],
      message:
        /trained with cost cosine, under which nothing is a likelihood: .*--cost half-squared --lambda 1/,
    },
    'a noise of another cost without its λ': {
      args: () => score('--cost', 'l1'),
      message: /cost is l1, but lambda is missing: that of the training, 1, is in units of cost half-squared/,
    },
    'K of 0': { args: () => score('--latents', '0'), message: /latents is 0; must be a whole number from 1/ },
    'K that do not rise': {
      args: () => score('--latents', '100,10'),
      message: /latents are 100, 10, and 10 does not rise above 100; give each K once, in rising order/,
    },
    'K that is no number': {
      args: () => score('--latents', '100,,1000'),
      message: /option '--latents <K>' is '100,,1000': give a number/,
    },
    'a sweep over one K': {
      args: () => score('--sweep', at('never.svg')),
      message: /--sweep draws a curve over K, and --latents is 2000; give several, as in --latents 100,1000/,
    },
    'a reference that does not fit the model': {
      args: () => score('--typical-of', at('wide-images-idx3-ubyte')),
      message: /\[5,5,1\] \(25 values\), the model was made for \[4,4,1\] \(16\)/,
    },
    'λ of a score below 0': { args: () => score('--lambda', '-2'), message: /lambda is -2; must be/ },
    'an unknown estimator': {
      args: () => score('--estimators', 'importance,magic'),
      message: /'magic' is none; known: surrogate, importance, paper-score/,
    },
    'an encoder that the model has not': {
      args: () => score('--estimators', 'importance,encoder'),
      message: /proposal is encoder, but the model has none; train one/,
    },
    'no annealed chains': {
      args: () => score('--estimators', 'ais', '--chains', '0'),
      message: /anneal: chains is 0; must be a whole number from 1 to/,
    },
    'no latents from a proposal': {
      args: () => score('--estimators', 'laplace', '--proposal-latents', '0'),
      message: /latents is 0; must be a whole number from 1 to/,
    },
    'data that do not fit the model': {
      args: () => ['score', model(), '--data', at('wide-images-idx3-ubyte')],
      message: /\[5,5,1\] \(25 values\), the model was made for \[4,4,1\] \(16\)/,
    },
    'yardsticks that do not fit the model': {
      args: () => score('--baselines', at('wide-images-idx3-ubyte')),
      message: /\[5,5,1\] \(25 values\), the model was made for \[4,4,1\] \(16\)/,
    },
    'a λ of a score that float32 does not hold': {
      args: () => score('--lambda', '1e-46'),
      message: /lambda is 1e-46; must be a finite number above 0 \(in 32-bit/,
    },
    'a resumed run into the folder of another': {
      args: () => ['train', '--resume', at('base', 'checkpoint.safetensors'), '--out', at('other')],
      message: /other: holds a run already/,
    },
    'samples beyond memory': {
      args: () => ['sample', model(), '--count', '4294967295', '--out', at('never.png')],
      message: /count is 4294967295; so many samples of 16 values do not fit in memory/,
    },
    'a batch beyond the device': {
      args: () => ['train', '--data', folder, '--out', at('never2'), '--batch', '1000000000'],
      message: /batch is 1000000000; this device takes at most \d+ samples of 16 values at once/,
    },
    'a CSV that cannot be written': {
      args: () => score('--out', at('plain-file', 's.csv')),
      message: /plain-file: cannot be written \(part of the path is a file\)/,
    },
    'a model file that is not there': {
      args: () => ['sample', at('none.safetensors'), '--out', at('never.png')],
      message: /none\.safetensors: cannot be read \(no such file or folder\); check the path/,
    },
    'a model file cut short': {
      args: () => ['sample', at('cut.safetensors'), '--out', at('never.png')],
      message: /cut\.safetensors: cut short: 2000 bytes, \d+ expected; the file is incomplete/,
    },
    'a model file of another version': {
      args: () => ['sample', at('newer.safetensors'), '--out', at('never.png')],
      message: /newer\.safetensors: format version is 7, this library reads 1/,
    },
    'a model that is none': {
      args: () => ['sample', at('plain-file'), '--out', at('never.png')],
      message: /plain-file: not a safetensors file: it has 4 bytes/,
    },
    'no adapter at all': {
      args: () => train(),
      env: { VK_DRIVER_FILES: '/nonexistent.json', VK_ICD_FILENAMES: '/nonexistent.json' },
      message:
        /no WebGPU adapter found, neither hardware nor software; run `npm install .*@sparticuz\/chromium/,
    },
  };

  beforeAll(async () => {
    const file = await readFile(model());
    await writeFile(at('cut.safetensors'), file.subarray(0, 2000));
    const text = file.toString('latin1').replace('"version":"1"', '"version":"7"');
    await writeFile(at('newer.safetensors'), text, 'latin1');
    await mkdir(at('other'));
    await succeed(
      `train --data ${folder} --cost cosine --lambda 20 --hidden 8 --latent 2 --batch 8 --steps 1 --out ${at('cosine')}`,
    );
    await writeFile(at('other', 'checkpoint.safetensors'), file);
  });

  for (const [name, { args, message, env }] of Object.entries(cases)) {
    it.concurrent(name, async ({ expect }) => {
      const { code, stdout, stderr } = await start(args(), env).ended;
      expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
      // Notes of how far it came, and what the Vulkan loader prints of its own accord, are not the error.
      const said = lines(stderr).filter((line) => !/^(goes on|trains|training|Warning:| +at) /.test(line));
      expect(said, stderr).toHaveLength(1);
      expect(said[0]).toMatch(/^entropic-gan: /);
      expect(said[0]).toMatch(message);
    });
  }

  it('and leaves nothing behind', async () => {
    const names = await readdir(folder);
    expect(names.filter((name) => /never|none|\.tmp/.test(name) && name !== 'never2')).toEqual([]);
    expect(await readFile(at('plain-file'), 'utf8')).toBe('text');
  });
});
