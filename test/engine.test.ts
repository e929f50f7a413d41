/** The engine: recordings, the arena, plans, readback, timing, and graphs run once. */
import { describe, expect, it } from 'vitest';
import { threefryStream } from '../src/data/random.ts';
import { layOutArena } from '../src/gpu/arena.ts';
import { type OwnedBuffer } from '../src/gpu/device.ts';
import { UserError } from '../src/gpu/errors.ts';
import { type AnyKernelCall, type ParamValue, kernelCall } from '../src/gpu/kernel.ts';
import { Plan } from '../src/gpu/plan.ts';
import { Profiler } from '../src/gpu/profiler.ts';
import { ReadbackRing } from '../src/gpu/readback.ts';
import { type Recording, type Slot, lifetimes, printRecording } from '../src/gpu/recording.ts';
import type { Target } from '../src/gpu/target.ts';
import { evaluate } from '../src/graph/evaluate.ts';
import { Graph } from '../src/graph/graph.ts';
import { schedule } from '../src/graph/schedule.ts';
import { activation } from '../src/ops/activation.ts';
import { activationNumber } from '../src/ops/activation-kinds.ts';
import { add } from '../src/ops/add.ts';
import { describeGpu } from './support/device.ts';

const slot = (label: string, bytes = 16): Slot => ({ label, bytes });
const external = (label: string, bytes = 16): Slot => ({
  label,
  bytes,
  external: { buffer: label, offset: 0 },
});

/** out = a + b. */
function sum(a: Slot, b: Slot, out: Slot): AnyKernelCall<Slot> {
  return kernelCall({
    kernel: 'add',
    label: out.label,
    params: { count: out.bytes / 4 },
    bindings: { a, b, out },
    workgroups: [1, 1, 1],
    flops: out.bytes / 4,
    bytes: 3 * out.bytes,
  });
}

/** out = x where x > 0, else slope·x. */
function leaky(x: Slot, out: Slot, slope: ParamValue): AnyKernelCall<Slot> {
  return kernelCall({
    kernel: 'activation',
    label: out.label,
    params: { count: out.bytes / 4, slope },
    bindings: { x, out },
    overrides: { ACTIVATION: activationNumber('leaky-relu') },
    workgroups: [1, 1, 1],
    flops: out.bytes / 4,
    bytes: 2 * out.bytes,
  });
}

/** Sums of randomly chosen earlier temporaries of random sizes, some of which are kept. */
function randomRecording(random: () => number): Recording {
  const slots = [slot('t0', 16), slot('t1', 16)];
  const pick = (): Slot => slots[Math.max(0, slots.length - 1 - Math.floor(random() * 6))]!;
  const dispatches = Array.from({ length: 30 }, (_, i) => {
    const out = slot(`t${i + 2}`, 16 * (1 + Math.floor(random() * 100)));
    const call = sum(pick(), pick(), out);
    slots.push(out);
    return call;
  });
  const written = slots.slice(2);
  return { dispatches, kept: [written[3]!, written[17]!] };
}

describe('a recording', () => {
  const [a, b, c] = [external('a'), slot('b'), slot('c')];
  const recording = { dispatches: [leaky(a, b, 0.5), sum(b, b, c), sum(b, c, external('d'))], kept: [b] };

  it('prints as one line a dispatch', () => {
    expect(printRecording(recording).split('\n')).toEqual([
      expect.stringMatching(/^ {2}0 activation +b +\[1,1,1\] x=a out=b$/),
      expect.stringMatching(/^ {2}1 add +c +\[1,1,1\] a=b b=b out=c$/),
      expect.stringMatching(/^ {2}2 add +d +\[1,1,1\] a=b b=c out=d$/),
    ]);
  });

  it('knows how long each temporary lives', () => {
    expect([...lifetimes(recording)]).toEqual([
      [b, { first: 0, last: 3 }], // kept
      [c, { first: 1, last: 2 }],
    ]);
  });
});

describe('the arena', () => {
  it('shares bytes only between lifetimes that are apart, and never reads and writes one buffer in a dispatch', () => {
    const random = threefryStream([1, 2]);
    for (let round = 0; round < 50; round++) {
      const recordings = [randomRecording(random), randomRecording(random)];
      const layout = layOutArena(recordings, 2 ** 27);
      for (const recording of recordings) {
        const lives = [...lifetimes(recording)].map(([temporary, life]) => ({
          ...life,
          ...layout.places.get(temporary)!,
          bytes: temporary.bytes,
        }));
        for (const [i, x] of lives.entries()) {
          expect(x.offset % 256).toBe(0);
          expect(x.offset + x.bytes).toBeLessThanOrEqual(layout.buffers[x.buffer]!);
          for (const y of lives.slice(i + 1)) {
            const apart = x.last < y.first || y.last < x.first;
            const disjoint =
              x.buffer !== y.buffer || x.offset + x.bytes <= y.offset || y.offset + y.bytes <= x.offset;
            expect(apart || disjoint).toBe(true);
          }
        }
        for (const { bindings } of recording.dispatches) {
          const bufferOf = (name: string): number => layout.places.get(bindings[name]!)!.buffer;
          expect([bufferOf('a'), bufferOf('b')]).not.toContain(bufferOf('out'));
        }
      }
      const shared = layout.buffers.reduce((total, bytes) => total + bytes, 0);
      expect(shared).toBeLessThan(layout.unsharedBytes / 2);
    }
  });

  it('needs two buffers for a chain, whatever its length', () => {
    const chain = Array.from({ length: 100 }, (_, i) => slot(`t${i}`, 1024));
    const dispatches = chain.slice(1).map((out, i) => leaky(chain[i]!, out, 0.5));
    const layout = layOutArena([{ dispatches, kept: [] }], 2 ** 27);
    expect(layout.buffers).toEqual([1024, 1024]);
    expect(layout.unsharedBytes).toBe(100 * 1024);
  });

  it('starts another buffer where one would exceed what may be bound', () => {
    const [x, ...outs] = Array.from({ length: 9 }, (_, i) => slot(`t${i}`, 1024));
    const dispatches = outs.map((out) => leaky(x!, out, 0.5));
    const layout = layOutArena([{ dispatches, kept: outs }], 2048);
    expect(Math.max(...layout.buffers)).toBe(2048);
    expect(layout.buffers).toHaveLength(5);
  });
});

describe('a schedule', () => {
  const target: Target = { adapter: 'software', features: new Set() };

  it('leaves out what nothing depends on', () => {
    const graph = new Graph();
    const x = graph.external('x', [4], { buffer: 'x', offset: 0 });
    const kept = add(graph, x, x);
    add(graph, kept, x);
    const { recording } = schedule(graph, target, [kept]);
    expect(recording.dispatches.map((call) => call.label)).toEqual(['x+x']);
  });

  it('puts a placed output where it was told to', () => {
    const graph = new Graph();
    const x = graph.external('x', [4], { buffer: 'x', offset: 0 });
    const y = add(graph, x, x);
    graph.place(y, { buffer: 'y', offset: 512 });
    const { recording } = schedule(graph, target);
    expect(recording.dispatches[0]?.bindings['out']?.external).toEqual({ buffer: 'y', offset: 512 });
  });
});

describeGpu('a plan', (device) => {
  const data = external('data');
  const state = external('state');
  const out = slot('out');
  const PHASES = {
    scale: { dispatches: [leaky(data, out, { step: 'slope' }), sum(state, out, slot('sum'))], kept: [out] },
    reset: { dispatches: [leaky(data, state, 1)], kept: [] },
  } satisfies Record<string, Recording>;

  /** Runs a body with the two external buffers; all is gone afterwards. */
  async function withBuffers(
    body: (
      externals: Record<string, GPUBuffer>,
      owned: Record<'data' | 'state', OwnedBuffer>,
    ) => Promise<void>,
  ): Promise<void> {
    using held = device.storageOf('data', Float32Array.of(-1, 2, -3, 4));
    using kept = device.storage('state', 16);
    await body({ data: held.buffer, state: kept.buffer }, { data: held, state: kept });
  }

  it('runs phases in any order, each with its own values, in one upload and one submit', () =>
    withBuffers(async (externals) => {
      using plan = await Plan.create(device, PHASES, externals);
      using ring = new ReadbackRing(device, 'ring', 16, 4);
      const tickets = [0.5, 0.25, 2].map((slope) => ({ slope, ticket: ring.take() }));
      const before = { ...device.counters };
      plan.run(
        tickets.map(({ slope, ticket }) => ({
          phase: 'scale' as const,
          values: { slope },
          after: (encoder) => ticket.encode(encoder, [{ ...plan.view(out), bytes: 16 }]),
        })),
      );
      expect(device.counters).toEqual({
        ...before,
        submits: before.submits + 1,
        uploads: before.uploads + 1,
        uploadedBytes: before.uploadedBytes + 3 * 256,
      });
      for (const { slope, ticket } of tickets)
        expect([...new Float32Array(await ticket.arrived())]).toEqual([-slope, 2, -3 * slope, 4]);
      expect(plan.dispatchesOf('scale')).toBe(2);
      expect(plan.bytes).toBeGreaterThanOrEqual(256);
    }));

  it('splits a run that is too long for one submit, still in order and with one upload', () =>
    withBuffers(async (externals) => {
      const { flops, ...cheap } = leaky(data, out, { step: 'slope' });
      const long = { ...cheap, flops: flops + (device.adapter.kind === 'software' ? 1.5e9 : 3e12) };
      using plan = await Plan.create(device, { long: { dispatches: [long], kept: [out] } }, externals);
      using ring = new ReadbackRing(device, 'ring', 16, 3);
      const tickets = [0.5, 0.25, 2].map((slope) => ({ slope, ticket: ring.take() }));
      const { submits, uploads } = device.counters;
      plan.run(
        tickets.map(({ slope, ticket }) => ({
          phase: 'long' as const,
          values: { slope },
          after: (encoder) => ticket.encode(encoder, [{ ...plan.view(out), bytes: 16 }]),
        })),
      );
      expect(device.counters.submits - submits).toBe(3);
      expect(device.counters.uploads - uploads).toBe(1);
      for (const { slope, ticket } of tickets)
        expect([...new Float32Array(await ticket.arrived())]).toEqual([-slope, 2, -3 * slope, 4]);
    }));

  it('uploads nothing where nothing changes from step to step', () =>
    withBuffers(async (externals, { state: kept }) => {
      using plan = await Plan.create(device, PHASES, externals);
      const { uploads } = device.counters;
      plan.run([{ phase: 'reset' }]);
      expect(device.counters.uploads).toBe(uploads);
      expect([...(await device.readFloats(kept.buffer, 0, 4))]).toEqual([-1, 2, -3, 4]);
    }));

  it('names what is missing or too much', () =>
    withBuffers(async (externals) => {
      using plan = await Plan.create(device, PHASES, externals, { phasesPerRun: 2 });
      expect(() => plan.run([{ phase: 'scale', values: { slop: 1 } }])).toThrow(
        'plan: out (activation) lacks the value of param slope',
      );
      expect(() => plan.run([{ phase: 'other' as 'scale' }])).toThrow('plan: there is no phase other');
      const three = Array.from({ length: 3 }, () => ({ phase: 'scale' as const, values: { slope: 1 } }));
      expect(() => plan.run(three)).toThrow('plan: 3 phases in one run exceed its params block');
      expect(() => plan.view(slot('elsewhere'))).toThrow('plan: elsewhere is not used by any dispatch');
      await device.idle(); // nothing of this has harmed the device
    }));

  it('leaves nothing behind where it cannot be made', async () => {
    await expect(Plan.create(device, PHASES, {})).rejects.toThrow('plan: data names the unknown buffer data');
    await withBuffers(async (externals) => {
      const plan = (call: AnyKernelCall<Slot>): Promise<unknown> =>
        Plan.create(device, { broken: { dispatches: [call], kept: [] } }, externals);
      await expect(plan({ ...sum(out, out, state), bindings: { a: out, out: state } })).rejects.toThrow(
        'recording: state (add) lacks the binding b',
      );
      const most = device.gpu.limits.maxStorageBufferBindingSize;
      await expect(plan(sum(slot('large', most + 4), data, out))).rejects.toThrow(
        `out: add takes large of ${most + 4} bytes, the device binds ${most} at most; use a smaller batch`,
      );
      await expect(plan(sum(out, data, out))).rejects.toThrow('recording: out (add) reads and writes out');
      await expect(plan(sum(out, state, state))).rejects.toThrow(
        'recording: state (add) reads and writes state',
      );
      expect(device.liveBuffers).toBe(2);
    });
    expect(device.liveBuffers).toBe(0);
  });

  it('cannot be used once it is disposed', () =>
    withBuffers(async (externals) => {
      const plan = await Plan.create(device, PHASES, externals);
      plan.dispose();
      plan.dispose();
      expect(device.liveBuffers).toBe(2);
      expect(() => plan.run([{ phase: 'reset' }])).toThrow(UserError);
      expect(() => plan.run([{ phase: 'reset' }])).toThrow('plan: used after dispose(); build a new one');
    }));
});

describeGpu('the readback ring', (device) => {
  it('hands out what it has without waiting, says when it is empty, and fills up as results arrive', async () => {
    using source = device.storageOf('source', Uint32Array.of(1, 2, 3, 4));
    using ring = new ReadbackRing(device, 'ring', 8, 3);
    const take = (value: number): Promise<ArrayBuffer> => {
      device.upload(source.buffer, 4, Uint32Array.of(value));
      const ticket = ring.take();
      const encoder = device.gpu.createCommandEncoder();
      ticket.encode(encoder, [
        { buffer: source.buffer, offset: 4, bytes: 4 },
        { buffer: source.buffer, offset: 12, bytes: 4 },
      ]);
      device.submit([encoder.finish()]);
      return ticket.arrived();
    };
    const { buffers } = device.counters;
    for (let round = 0; round < 5; round++) {
      const underWay = [10, 20, 30].map((value) => take(value + round));
      expect(ring.free).toBe(0);
      expect(() => ring.take()).toThrow('readback: the ring is full; await a result under way first');
      const words = (await Promise.all(underWay)).map((bytes) => [...new Uint32Array(bytes)]);
      expect(words).toEqual([10, 20, 30].map((value) => [value + round, 4]));
      expect(ring.free).toBe(3);
    }
    expect(device.counters.buffers).toBe(buffers);
  });
});

describeGpu('the profiler', (device) => {
  it.skipIf(!device.gpu.features.has('timestamp-query'))(
    'sums calls, time and rates per kernel, the most expensive first',
    async () => {
      using held = device.storageOf('data', new Float32Array(2 ** 16).fill(1));
      const [data, x, y] = [external('data', 2 ** 18), slot('x', 2 ** 18), slot('y', 2 ** 18)];
      using profiler = new Profiler(device);
      const phases = {
        work: { dispatches: [leaky(data, x, 0.5), sum(x, data, y), sum(y, x, slot('z', 2 ** 18))], kept: [] },
      };
      using plan = await Plan.create(device, phases, { data: held.buffer }, { profiler });
      for (let run = 0; run < 3; run++) {
        plan.run([{ phase: 'work' }, { phase: 'work' }]);
        expect(profiler.room).toBe(2048 - 6);
        await profiler.collect();
      }
      const table = profiler.table();
      expect(Object.fromEntries(table.map(({ kernel, calls }) => [kernel, calls]))).toEqual({
        activation: 6,
        add: 12,
      });
      expect(table.reduce((total, { share }) => total + share, 0)).toBeCloseTo(1, 12);
      expect(table[0]!.gpuMs).toBeGreaterThanOrEqual(table[1]!.gpuMs);
      for (const { kernel, calls, gpuMs, gflops, gigabytes } of table) {
        expect(gpuMs).toBeGreaterThan(0);
        expect(gflops).toBeCloseTo((calls * 2 ** 16) / gpuMs / 1e6, 9);
        expect(gigabytes).toBeCloseTo((calls * 2 ** 18 * (kernel === 'add' ? 3 : 2)) / gpuMs / 1e6, 9);
      }
    },
  );
});

describeGpu('evaluate', (device) => {
  const x = { data: Float32Array.of(-1, 2), shape: [2] };

  it('gives the outputs by name, and leaves no buffer', async () => {
    const result = await evaluate(device, { x }, (graph, tensors) => {
      const twice = add(graph, tensors.x, tensors.x);
      return { twice, relu: activation(graph, twice, 'relu') };
    });
    expect(result).toEqual({ twice: Float32Array.of(-2, 4), relu: Float32Array.of(0, 4) });
    expect(device.liveBuffers).toBe(0);
  });

  it('leaves no buffer where the graph cannot be built', async () => {
    const failing = evaluate(device, { x }, () => {
      throw new UserError('no such graph');
    });
    await expect(failing).rejects.toThrow('no such graph');
    expect(device.liveBuffers).toBe(0);
  });

  it('leaves no buffer where a kernel does not compile', async () => {
    const failing = evaluate(device, { x }, (graph, tensors) => ({
      out: activation(graph, tensors.x, 'other' as 'relu'), // number −1 does not fit the override
    }));
    await expect(failing).rejects.toThrow(/^activation does not compile/);
    expect(device.liveBuffers).toBe(0);
  });
});
