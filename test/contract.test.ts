/** What the layout of the project promises: four files to a kernel, headers, one-way layers, no races between barriers. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type KernelName, kernelDefinition } from '../src/gpu/kernel.ts';
import type { Target } from '../src/gpu/target.ts';
import { STATE_FLOATS, likelihoodAccumulate } from '../src/ops/log-likelihood.ts';
import { kernels } from '../src/shaders.gen.ts';
import type { KernelCase } from './support/case.ts';
import { filled, randomOf } from './support/random.ts';
import { racesOf } from './support/races.ts';
import { MIXED_TARGET, discoverCases, recordCase } from './support/verify.ts';

const root = resolve(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const list = (folder: string, extension: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith(extension))
    .map((file) => join(folder, file).split(sep).join('/'));

const shaders = readdirSync(join(root, 'shaders')).filter((file) => file.endsWith('.wgsl'));
const stems = shaders.map((file) => basename(file, '.wgsl'));
const ops = list('src/ops', '.ts').filter((file) => read(file).includes('kernelCall({'));
const tables = await discoverCases();

describe('four files with one stem', () => {
  it.each(ops)('%s', (file) => {
    const stem = basename(file, '.ts');
    const snake = stem.replaceAll('-', '_');
    const missing = [`test/reference/${stem}.ts`, `test/cases/${stem}.ts`].filter(
      (other) => !existsSync(join(root, other)),
    );
    expect(missing).toEqual([]);
    expect(stems.filter((name) => name === snake || name.startsWith(`${snake}_`))).not.toEqual([]);
    expect(tables.get(stem)?.length).toBeGreaterThan(0);
  });

  it('and no shader without an op', () => {
    const owners = ops.map((file) => basename(file, '.ts').replaceAll('-', '_'));
    expect(stems.filter((name) => !owners.some((o) => name === o || name.startsWith(`${o}_`)))).toEqual([]);
  });

  it('and every kernel in some case', () => {
    const targets: readonly Target[] = [
      { adapter: 'software', features: new Set(['subgroups']), subgroupSize: 4 },
      { adapter: 'software', features: new Set() },
      { adapter: 'hardware', features: new Set(['subgroups', 'shader-f16']), subgroupSize: 32 },
      { adapter: 'hardware', features: new Set() },
      MIXED_TARGET,
    ];
    const run = new Set(
      [...tables.values()].flatMap((cases) =>
        cases.flatMap((one) =>
          targets.flatMap((target) => recordCase(one, target).recording.dispatches.map((d) => d.kernel)),
        ),
      ),
    );
    // The tail's order is free, so that it is compared as a set: log-likelihood.test.ts, 'the kept tail'.
    const elsewhere: readonly KernelName[] = ['log_likelihood_tail'];
    expect(
      stems.filter((name) => !run.has(name as KernelName) && !elsewhere.includes(name as KernelName)),
    ).toEqual([]);
  });
});

describe('headers', () => {
  it.each(shaders)('%s', (file) => {
    const lines = read(`shaders/${file}`).split('\n');
    const start = lines.findIndex((line) => line.startsWith('//'));
    const length = lines.slice(start).findIndex((line) => !line.startsWith('//'));
    const header = lines.slice(start, start + length).join('\n');
    expect(header, 'the formula').toMatch(/[=Σ→←]/);
    expect(header, 'the shapes').toMatch(/\[[^\]]+\]/);
    expect(header, 'what a workgroup does').toMatch(/workgroup/);
    expect(header).toMatch(/Bytes:/);
    expect(header).toMatch(/Flops:/);
  });

  it('every source file opens with what it is', () => {
    const silent = list('src', '.ts').filter((file) => !/^(#!.*\n)?\/(\*\*|\/) ?\S?/.test(read(file)));
    expect(silent).toEqual([]);
  });
});

/** From the bottom up: each may import itself and what is below it. `data` stands on `gpu` alone. */
const LAYERS = ['gpu', 'graph', 'ops', 'nn', 'gan', 'likelihood', 'report'] as const;
const allowed = new Map<string, readonly string[]>([
  ...LAYERS.map((layer, i) => {
    const below: string[] = LAYERS.slice(0, i + 1);
    // Initialisers, training and scoring draw numbers and take data sets.
    return [layer, i >= LAYERS.indexOf('nn') ? [...below, 'data'] : below] as const;
  }),
  ['data', ['data', 'gpu']],
  ['node', [...LAYERS, 'data', 'node']],
  ['cli', [...LAYERS, 'data', 'node', 'cli', 'index.ts', 'node.ts']],
  ['index.ts', [...LAYERS, 'data']],
  ['node.ts', [...LAYERS, 'data', 'node', 'index.ts']],
  ['browser', [...LAYERS, 'data', 'browser']],
  ['browser.ts', [...LAYERS, 'data', 'browser', 'index.ts']],
]);

/** Import lines that break the order of the layers, or reach for Node where only node.ts, node/ and cli/ may. */
function offences(file: string, text = read(file)): string[] {
  const layerOf = (path: string): string => relative(join(root, 'src'), path).split(sep)[0] as string;
  const layer = layerOf(join(root, file));
  const found: string[] = [];
  text.split('\n').forEach((line, i) => {
    const name = /^(?:import|export)\b.*\bfrom '([^']+)'|^\} from '([^']+)'|\bimport\('([^']+)'\)/.exec(line);
    const specifier = name?.[1] ?? name?.[2] ?? name?.[3];
    if (specifier === undefined) return;
    const says = `${file}:${i + 1}: ${line.trim()}`;
    if (!specifier.startsWith('.')) {
      if (/^(webgpu$|node:)/.test(specifier) && !['node', 'node.ts', 'cli'].includes(layer)) found.push(says);
      return;
    }
    const target = layerOf(resolve(root, dirname(file), specifier));
    if (target === 'shaders.gen.ts' ? layer !== 'gpu' : !allowed.get(layer)?.includes(target))
      found.push(says);
  });
  return found;
}

describe('layers', () => {
  it('import one way only', () => {
    const sources = list('src', '.ts').filter((file) => !file.endsWith('.gen.ts'));
    expect(sources.length).toBeGreaterThan(40);
    expect(sources.flatMap((file) => offences(file))).toEqual([]);
  });

  it('are told from lines that break them', () => {
    const text = [
      "import type { Graph } from '../graph/graph.ts';",
      "import { UserError } from './errors.ts';",
      "import { readFileSync } from 'node:fs';",
      '',
    ].join('\n');
    expect(offences('src/gpu/made-up.ts', text)).toEqual([
      "src/gpu/made-up.ts:1: import type { Graph } from '../graph/graph.ts';",
      "src/gpu/made-up.ts:3: import { readFileSync } from 'node:fs';",
    ]);
    expect(offences('src/node/made-up.ts', text)).toEqual([]);
  });
});

/** The likelihood with its tail, which the case table leaves out; fuller than it may be, so that some has to go. */
const withTail: KernelCase = (() => {
  const [n, k, d, length] = [2, 70, 3, 5];
  const { uniform } = randomOf(3);
  const stride = 2 + 4 * length + k;
  return {
    name: 'tail',
    inputs: {
      observations: { data: filled(n * d, uniform), shape: [n, d] },
      generated: { data: filled(k * d, uniform), shape: [k, d] },
      state: { data: new Float32Array(n * STATE_FLOATS), shape: [n, STATE_FLOATS] },
      keys: {
        data: Uint32Array.from({ length: n * stride }, (_, i) =>
          i % stride === 0 ? 5 * length : (i % stride) * 0x01234567,
        ),
        shape: [n, stride],
      },
    },
    build: (graph, tensors) => {
      const { observations, generated, state, keys } = tensors;
      const result = likelihoodAccumulate(graph, {
        observations: observations!,
        generated: generated!,
        state: state!,
        tail: { keys: keys!, length, latents: 10 * k },
        cost: 'half-squared',
        lambda: 1,
        validCount: k,
        first: 0,
      });
      return { state: result.state, tail: result.tail! };
    },
    reference: () => ({}),
  };
})();

describe('races between barriers', () => {
  const software: Target = { adapter: 'software', features: new Set() };
  /** Software adapters run these without barriers, or not at all. */
  const onGpus = new Set<KernelName>([
    'row_dot',
    'matmul_tile',
    'entropic_objective_tiles_tile',
    'entropic_objective_gradient_tile',
  ]);
  const targetFor = (name: KernelName): Target =>
    onGpus.has(name) ? { ...software, adapter: 'hardware' } : software;
  const caseOf = (stem: string, name: string): KernelCase => {
    const found = tables.get(stem)?.find((one) => one.name === name);
    if (!found) throw new Error(`test/cases/${stem}.ts has no case ${name}`);
    return found;
  };
  /** Small cases with more than one tile, for the interpreter is slow; or why it cannot take the kernel. */
  const checks: Readonly<Partial<Record<KernelName, readonly (() => KernelCase)[] | string>>> = {
    conv2d_tile: [
      () => caseOf('conv2d', 'conv2d-2x3x5x2-3-k5s2'),
      () => caseOf('conv2d', 'conv2d-1x2x2x16-17-k5s1'),
    ],
    conv2d_narrow: [() => caseOf('conv2d', 'conv2d-2x6x5x20-1-k3s1')],
    conv2d_matrix: 'the interpreter has no subgroup matrices',
    conv2d_weight_matrix: 'the interpreter has no subgroup matrices',
    matmul_matrix: 'the interpreter has no subgroup matrices',
    conv2d_weight_tile: [() => caseOf('conv2d', 'gradients-conv2d-2x3x5x2-3-k5s2-bias-tanh')],
    conv2d_weight_sum: [() => caseOf('conv2d', 'gradients-conv2d-8x16x17x1-3-k3s1-bias')],
    batch_norm_statistics: [() => caseOf('batch-norm', 'batch-43x3x17-relu')],
    batch_norm_gradient_sums: [() => caseOf('batch-norm', 'batch-43x3x17-relu')],
    entropic_objective_tiles: [
      () => caseOf('entropic-objective', 'squared-hinge-n33m17d5'),
      () => caseOf('entropic-objective', 'half-squared-exp-n63m31d7'),
    ],
    entropic_objective_tiles_tile: [
      () => caseOf('entropic-objective', 'squared-hinge-n33m17d5'),
      () => caseOf('entropic-objective', 'half-squared-exp-n63m31d7'),
    ],
    entropic_objective_finish: [
      () => caseOf('entropic-objective', 'l1-hinge-n65m33d9'),
      () => caseOf('entropic-objective', 'half-squared-exp-n63m31d7'),
    ],
    entropic_objective_gradient: [() => caseOf('entropic-objective', 'l1-hinge-n65m33d9')],
    entropic_objective_gradient_tile: [() => caseOf('entropic-objective', 'squared-hinge-n33m17d5')],
    matmul_tile: [() => caseOf('matmul', '65x17x66-ta'), () => caseOf('matmul', '5x128x9-tb')],
    log_likelihood_row: [() => caseOf('log-likelihood', 'row-odd')],
    log_likelihood_tile: [() => caseOf('log-likelihood', 'tile-above')],
    log_likelihood_tile_subgroup4: 'the interpreter has no subgroup builtins',
    log_likelihood_tail: [() => withTail],
    importance_bound_scalars: [() => caseOf('importance-bound', '65x8x5')],
    gradient_penalty: [() => caseOf('gradient-penalty', '5x65')],
    normalise_rows: [() => caseOf('normalise-rows', '5x65')],
    normalise_rows_gradient: [() => caseOf('normalise-rows', '5x65')],
    row_cost: [() => caseOf('row-cost', 'l1-3x4x65')],
    row_dot: [() => caseOf('row-dot', '5x65')],
    wasserstein: [() => caseOf('wasserstein', 'n63m65k64')],
    optimiser_gradient_norm: [() => caseOf('optimiser', 'sgd-below-the-clip')],
    reduce_rows: [() => caseOf('reduce', 'sum-of-rows-65x65')],
    reduce_columns: [() => caseOf('reduce', 'sum-of-columns-5x17')],
  };
  /**
   * The interpreter gives the vectors that functions return to all invocations alike: indices made of them are written out
   * for it, or, where they only read the image, left out.
   */
  const plainIndices = (code: string): string =>
    code
      .replace(
        'store_placed(window_place, output_place, ',
        'store_plain(nth_window * params.n + nth_output, ',
      )
      .replace('image[u32(place) + after]', 'image[0]') +
    (code.includes('fn store_placed') ? 'fn store_plain(to: u32, sum: f32) { out[to] = sum; }' : '');
  const barriers = (Object.keys(kernels) as KernelName[]).filter((name) =>
    /workgroupBarrier|storageBarrier|workgroupUniformLoad/.test(kernelDefinition(name).source),
  );

  it.for(barriers)('%s', (name, { skip }) => {
    const check = checks[name];
    if (check === undefined) throw new Error(`${name} has barriers: name a small case for it in this test`);
    if (typeof check === 'string') return skip(check);
    for (const one of check)
      expect(racesOf(one(), targetFor(name), name, plainIndices).slice(0, 3)).toEqual([]);
  });

  it('are seen where a barrier is taken out', () => {
    const withoutLast = (code: string): string =>
      code.replace(/workgroupBarrier\(\);(?![\s\S]*workgroupBarrier\(\);)/, '');
    for (const [name, stem, of] of [
      ['reduce_rows', 'reduce', 'sum-of-rows-5x17'],
      ['entropic_objective_tiles', 'entropic-objective', 'squared-hinge-n33m17d5'],
      ['matmul_tile', 'matmul', '5x128x9-tb'],
    ] as const)
      expect(racesOf(caseOf(stem, of), targetFor(name), name, withoutLast)[0]).toMatch(/Data race/);
  });
});
