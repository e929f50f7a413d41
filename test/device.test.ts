/** The device: which adapter it takes, its errors, its end by dispose, by loss and by a failed validation, and exit. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { dataset } from '../src/data/dataset.ts';
import { Trainer } from '../src/gan/trainer.ts';
import { Device, GPU_MAP_READ, describeAdapter } from '../src/gpu/device.ts';
import { UserError } from '../src/gpu/errors.ts';
import { openDevice } from '../src/node/open-device.ts';
import { linear } from '../src/nn/architectures.ts';
import { describeGpu } from './support/device.ts';

/** The error that a promise rejects with. */
async function failureOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.fail('should have been rejected'),
    (error: Error) => error,
  );
}

/** Everything that can be under way on a device at once. */
function everythingPending(device: Device): Promise<Error>[] {
  const storage = device.storage('pending', 1024);
  return [
    device.idle(),
    device.read(storage.buffer, 0, 1024),
    device.pipeline('threefry_uniform'),
    device.whileAlive(new Promise(() => {})),
  ].map(failureOf);
}

/** Every way to use a device. */
function uses(device: Device, buffer: GPUBuffer): (() => unknown)[] {
  return [
    () => device.check(),
    () => device.buffer('late', 16, 0x8),
    () => device.storageOf('late', new Float32Array(4)),
    () => device.upload(buffer, 0, new Float32Array(1)),
    () => device.submit([]),
  ];
}

async function expectEnded(device: Device, buffer: GPUBuffer, message: string | RegExp): Promise<void> {
  for (const use of uses(device, buffer)) expect(use).toThrow(message);
  for (const late of [device.idle(), device.pipeline('add'), device.read(buffer, 0, 16)])
    expect((await failureOf(late)).message).toMatch(message);
}

describeGpu('openDevice', (device) => {
  it('says which adapter it took', () => {
    const { adapter, gpu } = device;
    expect(adapter.description + adapter.device).not.toBe('');
    expect(adapter.kind).toBe(
      /swiftshader|llvmpipe/i.test(adapter.architecture + adapter.description) ? 'software' : 'hardware',
    );
    expect(describeAdapter(gpu.adapterInfo)).toEqual(adapter);
    if (gpu.features.has('subgroups')) expect(adapter.subgroupSizes?.[0]).toBeGreaterThan(0);
  });

  it('takes the software adapter where it is asked to', async () => {
    using software = await openDevice({ adapter: 'software' });
    expect(software.adapter.kind).toBe('software');
  });

  it('refuses to take software for hardware', async () => {
    const opened = openDevice({ adapter: 'hardware' });
    if (device.adapter.kind === 'hardware') (await opened).dispose();
    else {
      const error = await failureOf(opened);
      expect(error).toBeInstanceOf(UserError);
      expect(error.message).toMatch(/^no hardware WebGPU adapter found; install a GPU driver with Vulkan/);
    }
  });

  it('takes a GPUDevice that the caller has, and leaves it alive', async () => {
    using owner = await openDevice();
    const borrowed = await openDevice({ device: owner.gpu });
    expect(borrowed.adapter).toEqual(owner.adapter);
    const values = borrowed.storageOf('values', Float32Array.of(1, 2, 3, 4));
    expect([...(await borrowed.readFloats(values.buffer, 0, 4))]).toEqual([1, 2, 3, 4]);
    const pending = failureOf(borrowed.whileAlive(new Promise(() => {})));
    borrowed.dispose();
    expect((await pending).message).toBe('the device was disposed; open a new one');
    expect([...(await owner.readFloats(values.buffer, 0, 4))]).toEqual([1, 2, 3, 4]);
    owner.check();
    values.dispose();
  });
});

describeGpu('a device', (device) => {
  it('counts its buffers and what it is asked to do', async () => {
    const before = { ...device.counters };
    const bytes = device.liveBytes;
    {
      using values = device.storageOf('values', Uint8Array.of(1, 2, 3, 4, 5));
      expect(device.liveBuffers).toBe(1);
      expect(device.liveBytes).toBe(bytes + 16);
      expect([...new Uint8Array(await device.read(values.buffer, 0, 5))]).toEqual([1, 2, 3, 4, 5]);
      expect(device.liveBuffers).toBe(1);
    }
    expect(device.liveBuffers).toBe(0);
    expect(device.liveBytes).toBe(bytes);
    expect(device.counters).toEqual({
      ...before,
      buffers: before.buffers + 2,
      submits: before.submits + 1,
      uploads: before.uploads + 1,
      uploadedBytes: before.uploadedBytes + 8,
    });
  });

  it('reads several buffers as they are at one moment', async () => {
    using a = device.storageOf('a', Float32Array.of(1, 2, 3, 4, 5));
    using b = device.storageOf('b', Uint32Array.of(6, 7));
    const [first, second] = await device.readAll([a, b]);
    expect([...new Float32Array(first!)]).toEqual([1, 2, 3, 4, 5, 0, 0, 0]);
    expect([...new Uint32Array(second!)]).toEqual([6, 7, 0, 0]);
  });

  it('names a buffer that is too large, with the limit', () => {
    const most = device.gpu.limits.maxBufferSize;
    expect(() => device.storage('bank', most + 16)).toThrow(
      `bank: needs a buffer of ${most + 16} bytes, the device allows ${most}`,
    );
    expect(device.liveBuffers).toBe(0);
  });

  it('names file and line of a shader that does not compile, and goes on', async () => {
    const error = await failureOf(device.pipeline('log_likelihood_tail', {}, { LENGTH: 'nonsense' }));
    expect(error.message).toMatch(
      /^log_likelihood_tail does not compile: shaders\/log_likelihood_tail\.wgsl:\d+:\d+ .*nonsense/,
    );
    expect(error).not.toBeInstanceOf(UserError);
    const again = await failureOf(device.pipeline('log_likelihood_tail', {}, { LENGTH: 'nonsense' }));
    expect(again).toBe(error);
    await device.idle();
    expect((await device.pipeline('add')).pipeline).toBeDefined();
  });

  it('says what is wrong with an override, and goes on', async () => {
    const error = await failureOf(device.pipeline('activation', { ACTIVATION: -1 }));
    expect(error.message).toMatch(/^activation does not compile: .*ACTIVATION/s);
    await device.idle();
  });

  it('compiles a pipeline once', async () => {
    await device.pipeline('activation', { ACTIVATION: 3 });
    const { pipelines, modules } = device.counters;
    await device.pipeline('activation', { ACTIVATION: 3 });
    expect(device.counters).toMatchObject({ pipelines, modules });
  });
});

describeGpu('what is awaited', ({ gpu, adapter }) => {
  it('is told of, and told of again when it has come or failed, or the device has ended', async () => {
    let [begun, over] = [0, 0];
    const onWait = (): (() => void) => {
      begun++;
      return () => void over++;
    };
    const device = new Device(gpu, adapter, { ownsDevice: false, onWait });
    const first = device.idle();
    expect([begun, over]).toEqual([1, 0]);
    await first;
    expect([begun, over]).toEqual([1, 1]);
    await failureOf(device.whileAlive(Promise.reject(new Error('no'))));
    expect([begun, over]).toEqual([2, 2]);
    const pending = failureOf(device.whileAlive(new Promise(() => {})));
    device.dispose();
    await pending;
    expect([begun, over]).toEqual([3, 3]);
    await failureOf(device.idle());
    expect([begun, over]).toEqual([3, 3]);
  });
});

describeGpu('the end of a device', () => {
  it('by dispose: what is pending and what comes later fails with one error', async () => {
    const device = await openDevice();
    const { buffer } = device.storage('kept', 16);
    const pending = everythingPending(device);
    device.dispose();
    device.dispose();
    for (const error of await Promise.all(pending))
      expect(error.message).toBe('the device was disposed; open a new one');
    await expectEnded(device, buffer, 'the device was disposed; open a new one');
  });

  it('by loss: what is pending and what comes later fails with one error', async () => {
    using device = await openDevice();
    const { buffer } = device.storage('kept', 16);
    const pending = everythingPending(device);
    device.gpu.destroy();
    const errors = await Promise.all(pending);
    expect(new Set(errors).size).toBe(1);
    expect(errors[0]).toBeInstanceOf(UserError);
    expect(errors[0]!.message).toMatch(
      /^device lost \(destroyed\): .*; open a new device and resume from the last checkpoint$/,
    );
    await expectEnded(device, buffer, errors[0]!.message);
  });

  it('by a failed validation: what is pending and what comes later fails with one error', async () => {
    using device = await openDevice();
    const { buffer } = device.storage('kept', 16);
    const pending = failureOf(device.whileAlive(new Promise(() => {})));
    device.gpu.createBuffer({ label: 'impossible', size: 16, usage: GPU_MAP_READ | 0x80 });
    const error = await pending;
    expect(error.message).toMatch(/^WebGPU: .*impossible/s);
    expect(error).not.toBeInstanceOf(UserError);
    await expectEnded(device, buffer, error.message);
  });

  it('ends a run that is under way', async () => {
    for (const [end, message] of [
      [(device: Device) => device.gpu.destroy(), /^device lost \(destroyed\)/],
      [(device: Device) => device.dispose(), /^the device was disposed/],
    ] as const) {
      using device = await openDevice();
      using trainer = await Trainer.create(device, {
        model: linear({ sample: [2], latent: 1, hidden: [] }),
        lambda: 1,
        batch: 4,
      });
      const points = dataset({ data: Float32Array.of(0, 1, 2, 3, 4, 5), shape: [3, 2] });
      const run = async (): Promise<void> => {
        for await (const { step } of trainer.run(points, { steps: 1e6, reportEvery: 10 }))
          if (step === 30) end(device);
      };
      expect((await failureOf(run())).message).toMatch(message);
      expect((await failureOf(trainer.checkpoint())).message).toMatch(message);
      expect((await failureOf(trainer.sample(3))).message).toMatch(message);
    }
  });
});

describeGpu('a process that has worked', () => {
  const run = promisify(execFile);
  const child = fileURLToPath(new URL('support/work-and-exit.ts', import.meta.url));
  for (const ending of ['dispose', 'leave', 'drop', 'lose']) {
    it(`ends by itself: ${ending}`, async () => {
      const { stdout, stderr } = await run(
        process.execPath,
        ['--expose-gc', '--import', 'tsx', child, ending],
        { timeout: 60_000 },
      );
      expect(stderr).toBe('');
      expect(stdout).toMatch(/^1 \+ 1 = 2\n(device lost.*\n)?done\n$/);
      expect(stdout.includes('device lost')).toBe(ending === 'lose');
    });
  }
});
