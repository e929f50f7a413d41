/** Choosing kernels by timing them: the choice, its time, what a trainer makes of it, and that a run keeps to it. */
import { expect, it } from 'vitest';
import { dataset } from '../src/data/dataset.ts';
import { threefryUniforms } from '../src/data/random.ts';
import type { Checkpoint } from '../src/gan/checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../src/gan/model-file.ts';
import type { TrainerOptions } from '../src/gan/settings.ts';
import type { TuningReport } from '../src/gan/tuned-variants.ts';
import { Trainer, type TrainerExtras } from '../src/gan/trainer.ts';
import type { VariantStore, Variants } from '../src/gan/variant-store.ts';
import { kernelCall } from '../src/gpu/kernel.ts';
import { targetOf } from '../src/gpu/target.ts';
import { chosenName, shapesOf } from '../src/graph/candidates.ts';
import { Graph, type Op, type Tensor } from '../src/graph/graph.ts';
import { tune } from '../src/graph/tune.ts';
import { mlp } from '../src/nn/architectures.ts';
import { sameGeometry } from '../src/ops/conv-geometry.ts';
import { conv2d } from '../src/ops/conv2d.ts';
import { describeGpu } from './support/device.ts';

/** Work of so many fills for each candidate. */
const fillsOp: Op<Readonly<Record<string, number>>> = {
  name: 'fills',
  candidates: ({ attributes }) => ({ key: 'fills', variants: new Map(Object.entries(attributes)) }),
  dispatch(node, target) {
    const [out] = node.outputs as readonly [Tensor];
    const name = chosenName(fillsOp.candidates!(node, target), target);
    return Array.from({ length: node.attributes[name]! }, () =>
      kernelCall({
        kernel: 'fill',
        label: name,
        params: { count: 4096, value: 1 },
        bindings: { out },
        workgroups: [64, 1, 1],
        flops: 1,
        bytes: 0,
      }),
    );
  },
};

describeGpu('timing', (device) => {
  const target = targetOf(device);
  const fills = (counts: Readonly<Record<string, number>>): Graph => {
    const graph = new Graph();
    const [out] = graph.add(fillsOp, {
      inputs: [],
      outputs: [{ name: 'out', shape: [4096] }],
      attributes: counts,
    });
    graph.place(out, { buffer: 'out', offset: 0 });
    return graph;
  };

  it.each([
    ['another where it is faster', { first: 300, second: 3 }, 'second'],
    ['the default where it is faster', { first: 3, second: 300 }, 'first'],
  ])('chooses %s', async (_name, counts, expected) => {
    const found = await tune(device, shapesOf([fills(counts)], target), target, 60_000);
    expect(found).toMatchObject({ choices: { fills: expected }, left: 0 });
    expect(device.liveBuffers).toBe(0);
  });

  it('begins nothing that there is no time for', async () => {
    const before = { ...device.counters };
    const found = await tune(device, shapesOf([fills({ first: 3, second: 1 })], target), target, 1);
    expect(found).toMatchObject({ choices: {}, left: 1 });
    expect(device.counters).toEqual(before);
  });

  it('does not wait for a compilation beyond its time, and else runs what it has compiled', async () => {
    const graph = new Graph();
    const input = (name: string, shape: readonly number[]) =>
      graph.external(name, shape, { buffer: name, offset: 0 });
    const geometry = sameGeometry(
      { height: 4, width: 4, channels: 3 },
      { kernel: 3, stride: 1, filters: 20 },
    );
    const out = conv2d(graph, input('image', [2, 48]), input('weight', [3, 3, 3, 20]), geometry);
    graph.place(out, { buffer: 'out', offset: 0 });
    const budgetMs = 70; // the samples would fit, compilations on a software adapter take a second each
    const shapes = shapesOf([graph], target);
    const found = await tune(device, shapes, target, budgetMs);
    expect(found.tookMs).toBeLessThan(budgetMs + 400);
    if (device.adapter.kind === 'software') expect(found).toMatchObject({ choices: {}, left: 1 });
    const { choices, left } = await tune(device, shapes, target, 60_000);
    expect(left).toBe(0);
    const [{ candidates }] = shapes as [(typeof shapes)[number]];
    expect([...candidates.variants.keys()]).toContain(choices[candidates.key]);
    expect(device.liveBuffers).toBe(0);
  });
});

const DATA = dataset({ data: threefryUniforms(50 * 4, [1, 1]), shape: [50, 4], name: 'points' });
const OPTIONS: TrainerOptions = {
  model: mlp({ sample: [4], latent: 3, hidden: [8] }),
  lambda: 0.5,
  batch: 16,
  seed: 1,
  averageDecay: 0,
};

/** A store in memory, which notes what is asked of it. */
function memoryStore(known: Variants = {}, watch: () => number = () => 0) {
  const seen: { adapter: string; saved?: Variants; live: number }[] = [];
  const store: VariantStore = {
    load: (adapter) => {
      seen.push({ adapter, live: watch() });
      return Promise.resolve(known);
    },
    save: (adapter, saved) => {
      seen.push({ adapter, saved, live: watch() });
      return Promise.resolve();
    },
  };
  return { store, seen };
}

describeGpu('a trainer that tunes', (device) => {
  /** Trains to a number of steps. */
  async function trained(
    steps: number,
    extras: TrainerExtras = {},
  ): Promise<{ checkpoint: Checkpoint; tuning: TuningReport | undefined; work: string }> {
    using trainer = await Trainer.create(device, OPTIONS, extras);
    for await (const _ of trainer.run(DATA, { steps }));
    return { checkpoint: await trainer.checkpoint(), tuning: trainer.tuning, work: trainer.describe() };
  }
  const bits = ({ model, state }: Checkpoint): unknown => [model.generator, model.critic, state];
  const variantsOf = ({ model }: Checkpoint): Variants => model.configuration.variants;
  /** The choice of a kernel for all products. */
  const all = (variants: Variants, name: string): Variants =>
    Object.fromEntries(Object.keys(variants).map((key) => [key, name]));
  /** On software adapters every product has the two; on GPUs those as small as these. */
  const other = (variants: Variants): string =>
    Object.values(variants)[0] === 'matmul' ? 'matmul_tile 64 x1' : 'matmul';

  it('takes under three seconds, chooses among the candidates, and leaves no buffer', async () => {
    const { store, seen } = memoryStore(
      { 'matmul 16x3x8 NN': 'of another version' },
      () => device.liveBuffers,
    );
    const { checkpoint, tuning } = await trained(2, { tune: store });
    const { timed, cached, left, seconds } = tuning!;
    expect(timed).toBeGreaterThan(0);
    expect(cached).toBe(0);
    expect(timed + left).toBe(Object.keys(variantsOf(checkpoint)).length);
    expect(seconds).toBeLessThan(3);
    const [loaded, saved] = seen;
    expect(seen).toHaveLength(2);
    expect(saved!.live).toBe(loaded!.live);
    expect(saved!.adapter).toBe(loaded!.adapter);
    expect(loaded!.adapter).toContain(
      `${device.adapter.description} | ${device.adapter.kind} | f32 | checked | `,
    );
    expect(variantsOf(checkpoint)).toMatchObject(
      Object.fromEntries(Object.entries(saved!.saved!).filter(([, name]) => name !== 'of another version')),
    );
    for (const [key, name] of Object.entries(variantsOf(checkpoint))) {
      expect(key).toMatch(/^matmul \d+x\d+x\d+ [NT]{2}$/);
      expect(name).toMatch(/^matmul(_subgroup4|_tile 64 x\d+)?$/);
    }
  });

  it('times nothing that the store knows, and runs the same bits', async () => {
    const usual = await trained(3);
    expect(usual.tuning).toBeUndefined();
    const { store, seen } = memoryStore(
      all(variantsOf(usual.checkpoint), other(variantsOf(usual.checkpoint))),
    );
    const first = await trained(3, { tune: store });
    const second = await trained(3, { tune: store });
    expect(first.tuning).toMatchObject({
      timed: 0,
      left: 0,
      cached: Object.keys(variantsOf(usual.checkpoint)).length,
    });
    expect(seen.map(({ saved }) => saved)).toEqual([undefined, undefined]);
    expect(bits(second.checkpoint)).toEqual(bits(first.checkpoint));
    expect(first.work).not.toBe(usual.work);
  });

  it('records the kernels in its checkpoint, and a resumed run keeps to them, bit for bit', async () => {
    const usual = variantsOf((await trained(1)).checkpoint);
    const choices = all(usual, other(usual));
    const { store } = memoryStore(choices);
    const whole = await trained(4, { tune: store });
    expect(variantsOf(whole.checkpoint)).toEqual(choices);
    const half = (await trained(2, { tune: store })).checkpoint;
    const resume = decodeCheckpoint(encodeCheckpoint(half).buffer, 'half');
    expect(variantsOf(resume)).toEqual(choices);
    const { store: contrary, seen } = memoryStore(usual);
    const resumed = await trained(4, { resume, tune: contrary });
    expect(seen).toEqual([]);
    expect(resumed.work).toBe(whole.work);
    expect(resumed.work).toContain(`${Object.values(choices)[0]!.split(' ')[0]} `);
    expect(bits(resumed.checkpoint)).toEqual(bits(whole.checkpoint));
    // Their sums are in another order, so that the usual kernels would have shown.
    const otherwise = {
      ...half,
      model: { ...half.model, configuration: { ...half.model.configuration, variants: usual } },
    };
    expect((await trained(4, { resume: otherwise })).work).not.toBe(whole.work);
  });

  it('goes on with the default where a record is not for this adapter', async () => {
    const usual = await trained(2);
    const { checkpoint } = await trained(1);
    const { model } = checkpoint;
    const foreign = all(variantsOf(usual.checkpoint), 'matmul_of_another_adapter');
    const resumed = await trained(2, {
      resume: {
        ...checkpoint,
        model: { ...model, configuration: { ...model.configuration, variants: foreign } },
      },
    });
    expect(variantsOf(resumed.checkpoint)).toEqual(variantsOf(usual.checkpoint));
    expect(bits(resumed.checkpoint)).toEqual(bits(usual.checkpoint));
  });

  it('trains on where its choices cannot be kept, and says why', async () => {
    const { store } = memoryStore();
    const { checkpoint, tuning } = await trained(2, {
      tune: { ...store, save: () => Promise.reject(new Error('the disk is full')) },
    });
    expect(tuning).toMatchObject({ notSaved: 'the disk is full' });
    expect(checkpoint.model.configuration.steps).toBe(2);
  });
});
