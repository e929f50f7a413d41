/** Model and checkpoint files: what is written comes back, is safetensors to the letter, and bad files are named. */
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../src/gpu/errors.ts';
import type { Checkpoint } from '../src/gan/checkpoint.ts';
import { encoderLayers, encoderNetwork } from '../src/gan/encoder.ts';
import type { Encoder, Model, Weights } from '../src/gan/model.ts';
import {
  decodeCheckpoint,
  decodeModel,
  encodeCheckpoint,
  encodeModel,
  isCheckpoint,
} from '../src/gan/model-file.ts';
import { decodeSafetensors, encodeSafetensors } from '../src/gan/safetensors.ts';
import { trainerSettings } from '../src/gan/settings.ts';
import { unflatten } from '../src/gan/weights.ts';
import { type Architecture, dcgan, linear, mlp, networksOf } from '../src/nn/architectures.ts';
import type { Layer } from '../src/nn/layers.ts';
import { initialParameters } from '../src/nn/initialise.ts';
import { adam, rmsprop } from '../src/nn/optimisers.ts';
import { optimiserStateBytes } from '../src/ops/optimiser.ts';
import type { Precision } from '../src/gpu/target.ts';
import { readModel, writeModel } from '../src/node/model-files.ts';

const SMALL = mlp({ sample: [3, 2, 1], latent: 2, hidden: [5, 4] });

function modelOf(architecture: Architecture, averageDecay = 0, precision: Precision = 'f32'): Model {
  const networks = networksOf(architecture);
  const weights = (network: 'generator' | 'critic', seed: number): Weights =>
    unflatten(networks[network].layout, initialParameters(networks[network].layout, seed, 0));
  return {
    configuration: {
      settings: trainerSettings({
        model: architecture,
        lambda: [
          [0, 2],
          [49, 0.3],
        ],
        critic: rmsprop({ rate: 1e-3 }),
        seed: 4294967295,
        averageDecay,
        precision,
      }),
      pixelScale: 1 / 255,
      steps: 123,
      data: 'glyphs?labels=1',
      adapter: 'some “adapter”',
      kernels: ['gather', 'matmul'],
      variants: { 'matmul 8x2x4 NN': 'matmul' },
    },
    generator: weights('generator', 1),
    statistics: unflatten(
      networks.generator.statistics,
      initialParameters(networks.generator.statistics, 0, 0),
    ),
    critic: weights('critic', 2),
  };
}

/** An encoder for a model's samples, its second layer one of several options. */
function encoderOf(architecture: Architecture): Encoder {
  const layers = encoderLayers(architecture, [
    4,
    { kind: 'dense', units: 3, activation: 'leaky-relu', slope: 0.1, bias: false },
  ]);
  const { layout } = encoderNetwork(architecture, layers);
  return {
    layers,
    weights: unflatten(layout, initialParameters(layout, 3, 2)),
    training: {
      cost: 'l1',
      lambda: 0.05,
      steps: 77,
      batch: 16,
      simulated: 0.125,
      samples: 8,
      optimiser: adam({ rate: 1e-3 }),
      seed: 4,
      data: 'glyphs?labels=1',
    },
  };
}

/** The guard of a checkpoint whose losses have these scales, the generator's and the critic's. */
function guardWith(generator: number, critic: number): Uint32Array<ArrayBuffer> {
  const floats = new Float32Array(12);
  [floats[4], floats[8]] = [generator, critic];
  return new Uint32Array(floats.buffer);
}

function checkpointOf(model: Model): Checkpoint {
  const { settings } = model.configuration;
  const networks = networksOf(settings.model);
  const state = new Map<string, Uint32Array<ArrayBuffer>>();
  for (const network of ['generator', 'critic'] as const) {
    const sizes = optimiserStateBytes(settings[network], networks[network].layout.bytes / 4);
    for (const [name, bytes] of Object.entries(sizes))
      state.set(
        `${network}.${name}`,
        Uint32Array.from({ length: bytes / 4 }, (_, i) => (i * 2654435761) >>> 0),
      );
  }
  if (settings.precision === 'mixed') state.set('guard', guardWith(2 ** 16, 2 ** 15));
  return {
    model,
    ...(settings.averageDecay > 0 ? { generator: modelOf(settings.model).generator } : {}),
    state,
    plan: { steps: 500, reportEvery: 10, checkpointEvery: 100 },
  };
}

/** The header of a file, read without the code under test. */
function headerOf(file: Uint8Array<ArrayBuffer>): { header: Record<string, Entry>; dataStart: number } {
  const length = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + length))) as Record<string, Entry>;
  return { header, dataStart: 8 + length };
}
interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** The file with another header in front of the same data. */
function withHeader(
  file: Uint8Array<ArrayBuffer>,
  change: (header: Record<string, Entry> & { __metadata__: Record<string, string> }) => void,
): ArrayBuffer {
  const { header, dataStart } = headerOf(file);
  change(header as unknown as Parameters<typeof change>[0]);
  const json = new TextEncoder().encode(JSON.stringify(header));
  const changed = new Uint8Array(8 + json.length + file.length - dataStart);
  new DataView(changed.buffer).setBigUint64(0, BigInt(json.length), true);
  changed.set(json, 8);
  changed.set(file.subarray(dataStart), 8 + json.length);
  return changed.buffer;
}

const messageOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    const { message } = error as UserError;
    expect(message).not.toContain('\n');
    return message;
  }
  throw new Error('nothing was thrown');
};

describe('safetensors', () => {
  it('is written to the letter of the format', () => {
    const file = encodeModel(modelOf(SMALL));
    const { header, dataStart } = headerOf(file);
    expect(dataStart % 8).toBe(0);
    expect(file[8]).toBe('{'.charCodeAt(0));
    expect(new TextDecoder().decode(file.subarray(8, dataStart))).toMatch(/\} *$/);
    const { __metadata__: metadata, ...tensors } = header as unknown as Record<string, Entry>;
    for (const value of Object.values(metadata as object)) expect(typeof value).toBe('string');
    let end = 0;
    for (const { dtype, shape, data_offsets: offsets } of Object.values(tensors)) {
      expect(dtype).toBe('F32');
      expect(offsets[0]).toBe(end);
      end += 4 * shape.reduce((product, size) => product * size, 1);
      expect(offsets[1]).toBe(end);
    }
    expect(dataStart + end).toBe(file.length);
  });

  it('keeps values bit for bit, little-endian', () => {
    const file = encodeSafetensors({
      metadata: { a: 'ä "quoted"' },
      tensors: new Map([
        ['x', { shape: [2, 1], data: Float32Array.of(1, -0) }],
        ['n', { shape: [1], data: Uint32Array.of(0xdeadbeef) }],
        ['empty', { shape: [0, 3], data: new Float32Array(0) }],
      ]),
    });
    const { dataStart } = headerOf(file);
    expect([...file.subarray(dataStart)]).toEqual([0, 0, 128, 63, 0, 0, 0, 128, 0xef, 0xbe, 0xad, 0xde]);
    const { metadata, tensors } = decodeSafetensors(file.buffer, 'f');
    expect(metadata).toEqual({ a: 'ä "quoted"' });
    expect(tensors.get('x')).toEqual({ shape: [2, 1], data: Float32Array.of(1, -0) });
    expect(tensors.get('n')).toEqual({ shape: [1], data: Uint32Array.of(0xdeadbeef) });
    expect(tensors.get('empty')).toEqual({ shape: [0, 3], data: new Float32Array(0) });
  });

  it('names what is wrong with another file', () => {
    const file = encodeModel(modelOf(SMALL));
    const decode = (bytes: ArrayBuffer) => messageOf(() => decodeSafetensors(bytes, 'f'));
    expect(decode(new ArrayBuffer(5))).toBe(
      'f: not a safetensors file: it has 5 bytes; give a file that training wrote',
    );
    expect(decode(new TextEncoder().encode('PNG is not JSON, by any means').buffer)).toMatch(
      /^f: not a safetensors file: its first 8 bytes state a header of \d+ bytes/,
    );
    expect(
      decode(Uint8Array.of(8, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode('"text"  ')).buffer),
    ).toMatch(/its header is not a JSON object/);
    expect(decode(file.buffer.slice(0, 100))).toMatch(/^f: cut short: 100 bytes, \d+ expected/);
    expect(decode(file.buffer.slice(0, -1))).toBe(
      `f: cut short: ${file.length - 1} bytes, ${file.length} expected; the file is incomplete, copy it again or train again`,
    );
    expect(decode(Uint8Array.of(...file, 0).buffer)).toMatch(/its header accounts for/);
    const named = 'generator.layers.0.weight';
    const entryChanged = (change: (entry: Entry) => void) =>
      decode(withHeader(file, (header) => change(header[named] as Entry)));
    expect(entryChanged((entry) => (entry.dtype = 'F16'))).toMatch(
      /tensor generator\.layers\.0\.weight is of type F16; F32 and U32 can be read/,
    );
    expect(entryChanged((entry) => (entry.shape = [2, 6]))).toMatch(/of shape \[2, 6\] lies from 0 to 40/);
    expect(entryChanged((entry) => (entry.data_offsets = [4, 44]))).toMatch(
      /lies from 4 to 44, must lie from 0/,
    );
    expect(entryChanged((entry) => (entry.shape = [-1]))).toMatch(/the entry of tensor .* is \{/);
  });
});

describe('model files', () => {
  for (const [name, architecture] of Object.entries({
    'a shared trunk': SMALL,
    'separate critics': mlp({ sample: [6], latent: 3, hidden: [4], sharedTrunk: false, output: 'linear' }),
    'linear critics': linear({ sample: [6], latent: 3, hidden: [] }),
    'quadratic critics': linear({ sample: [6], latent: 3, critic: 'quadratic' }),
    'quadratic critics without a constant': {
      sample: [6],
      latent: 3,
      generator: [{ kind: 'dense', units: 6 }],
      critic: { real: [{ kind: 'quadratic', bias: false }], fake: [{ kind: 'quadratic', bias: true }] },
    } satisfies Architecture,
    'layers of every kind of option': {
      sample: [4],
      latent: 2,
      generator: [
        { kind: 'dense', units: 3, activation: 'leaky-relu', slope: 0.1, bias: false },
        { kind: 'dense', units: 4, activation: 'softplus' },
      ],
      critic: { trunk: [{ kind: 'dense', units: 2, activation: 'tanh' }] },
    } satisfies Architecture,
    'layers of every kind': {
      sample: [3, 3, 1],
      latent: 2,
      generator: [
        { kind: 'dense', units: 8, bias: false },
        { kind: 'batch-norm', activation: 'leaky-relu', slope: 0.1 },
        { kind: 'reshape', shape: [2, 2, 2] },
        { kind: 'conv2d-transpose', filters: 1, kernel: 3, stride: 2, bias: false, activation: 'sigmoid' },
        { kind: 'crop', height: 3, width: 3 },
      ],
      critic: { trunk: [{ kind: 'conv2d', filters: 2, kernel: 2 }, { kind: 'flatten' }] },
    } satisfies Architecture,
    'a member of a layer that is undefined': {
      ...SMALL,
      critic: { trunk: [{ kind: 'dense', units: 2, bias: undefined } as unknown as Layer] },
    },
  })) {
    it(`come back as they were: ${name}`, () => {
      const model = modelOf(architecture);
      expect(decodeModel(encodeModel(model).buffer, 'f')).toEqual(model);
    });
  }

  it('come back with the encoder that they had, and without one where they had none', () => {
    const model = modelOf(SMALL);
    const encoder = encoderOf(SMALL);
    expect(decodeModel(encodeModel({ ...model, encoder }).buffer, 'f')).toEqual({ ...model, encoder });
    expect(decodeModel(encodeModel(model).buffer, 'f')).not.toHaveProperty('encoder');
    const { header } = headerOf(encodeModel({ ...model, encoder }));
    expect(header['encoder.layers.2.weight']?.shape).toEqual([3, 5]);
  });

  it('are the same bytes for the same model, made or read', () => {
    for (const model of [modelOf(SMALL), { ...modelOf(SMALL), encoder: encoderOf(SMALL) }]) {
      const file = encodeModel(model);
      expect(encodeModel(decodeModel(file.buffer, 'f'))).toEqual(file);
    }
  });

  it('are read from checkpoints as well', () => {
    const model = modelOf(SMALL);
    expect(decodeModel(encodeCheckpoint(checkpointOf(model)).buffer, 'f')).toEqual(model);
  });

  it('of before there were other objectives, bounds on weights and choices of kernels are read', () => {
    const { configuration, ...rest } = modelOf(SMALL);
    const model = { ...rest, configuration: { ...configuration, variants: {} } };
    const older = withHeader(encodeModel(model), ({ __metadata__: metadata }) => {
      delete metadata['objective'];
      delete metadata['variants'];
      for (const network of ['generator', 'critic']) {
        const { weightBound: _, ...rest } = JSON.parse(metadata[network]!) as Record<string, unknown>;
        metadata[network] = JSON.stringify(rest);
      }
    });
    expect(decodeModel(older, 'old.safetensors')).toEqual(model);
  });

  it('state what does not fit', () => {
    const file = encodeModel(modelOf(SMALL));
    const changed = (change: Parameters<typeof withHeader>[1]) =>
      messageOf(() => decodeModel(withHeader(file, change), 'm.safetensors'));
    const metadata = (name: string, value: unknown) =>
      changed((header) => (header.__metadata__[name] = JSON.stringify(value)));
    expect(changed((header) => (header.__metadata__ = { format: 'pt' }))).toBe(
      'm.safetensors: not a model of this library: its metadata state format "pt", must be "entropic-gan"; give a file that training wrote',
    );
    expect(changed((header) => (header.__metadata__['version'] = '99'))).toBe(
      'm.safetensors: format version is 99, this library reads 1; read it with the version that wrote it, or train again',
    );
    expect(changed((header) => delete header.__metadata__['cost'])).toMatch(
      /^m\.safetensors: configuration cost is missing/,
    );
    expect(metadata('cost', 'l3')).toMatch(/configuration cost is "l3", expected \("l1" \|/);
    expect(metadata('lambda', [[0, -1]])).toMatch(/lambda: is -1 from iteration 0 on/);
    expect(metadata('pixelScale', 0)).toMatch(/configuration pixelScale is 0, expected >0/);
    expect(metadata('steps', 1.5)).toMatch(/configuration steps is 1\.5/);
    expect(changed((header) => (header.__metadata__['kernels'] = '["cut'))).toMatch(
      /configuration kernels is "\[/,
    );
    const long = `{"sample":[${'3,'.repeat(500)}`;
    expect(changed((header) => (header.__metadata__['model'] = long)).length).toBeLessThan(300);
    expect(metadata('model', { ...SMALL, generator: [{ kind: 'lstm', units: 6 }] })).toMatch(
      /configuration model\.generator\.0\.kind is "lstm", expected \("dense" \| "conv2d" /,
    );
    expect(metadata('model', { ...SMALL, critic: { tree: [] } })).toMatch(/configuration model\.critic/);
    expect(metadata('model', { ...SMALL, sample: [7] })).toMatch(/the generator gives 6 values/);
    expect(metadata('model', { ...SMALL, latent: 3 })).toMatch(
      /tensor generator\.layers\.0\.weight has shape \[2, 5\], the configuration asks for \[3, 5\]/,
    );
    expect(
      changed((header) => {
        header['other'] = header['critic.fake.0.bias'] as Entry;
        delete header['critic.fake.0.bias'];
      }),
    ).toMatch(/tensor critic\.fake\.0\.bias of shape \[1\] is missing/);
    expect(changed((header) => ((header['critic.fake.0.bias'] as Entry).dtype = 'U32'))).toMatch(
      /tensor critic\.fake\.0\.bias is of type U32, must be F32/,
    );
  });

  it('state what of an encoder does not fit', () => {
    const encoder = encoderOf(SMALL);
    const file = encodeModel({ ...modelOf(SMALL), encoder });
    const changed = (change: Parameters<typeof withHeader>[1]) =>
      messageOf(() => decodeModel(withHeader(file, change), 'm.safetensors'));
    const stated = (value: unknown) =>
      changed((header) => (header.__metadata__['encoder'] = JSON.stringify(value)));
    const { layers, training } = encoder;
    expect(stated({ layers })).toMatch(/^m\.safetensors: encoder: configuration training is missing/);
    expect(stated({ layers, training: { ...training, cost: 'cosine' } })).toMatch(
      /configuration training\.cost is "cosine", expected \("l1" \|/,
    );
    expect(stated({ layers, training: { ...training, lambda: 0 } })).toMatch(
      /training\.lambda is 0, expected >0/,
    );
    expect(stated({ layers: layers.slice(0, 2), training })).toMatch(
      /^m\.safetensors: encoder: its last layer gives 3 values, a Gaussian of 2 latent dimensions takes 5/,
    );
    expect(stated({ layers: layers.slice(1), training })).toMatch(
      /tensor encoder\.layers\.0\.weight has shape \[6, 4\], the configuration asks for \[6, 3\]/,
    );
    expect(stated('{')).toMatch(/^m\.safetensors: encoder: /);
    expect(
      changed((header) => {
        header['other'] = header['encoder.layers.2.bias'] as Entry;
        delete header['encoder.layers.2.bias'];
      }),
    ).toMatch(/tensor encoder\.layers\.2\.bias of shape \[5\] is missing/);
    (encoder.weights.get('layers.0.bias') as { data: Float32Array }).data[0] = Number.NaN;
    expect(messageOf(() => encodeModel({ ...modelOf(SMALL), encoder }))).toMatch(
      /tensor encoder\.layers\.0\.bias is NaN/,
    );
  });

  it('hold finite weights only, in both directions', () => {
    const model = modelOf(SMALL);
    const file = encodeModel(model);
    new DataView(file.buffer).setFloat32(headerOf(file).dataStart + 4, Number.NaN, true);
    expect(messageOf(() => decodeModel(file.buffer, 'f'))).toMatch(
      /value 1 of 10 of tensor generator\.layers\.0\.weight is NaN; weights must be finite/,
    );
    (model.critic.get('real.0.weight') as { data: Float32Array }).data[0] = Number.POSITIVE_INFINITY;
    expect(messageOf(() => encodeModel(model))).toMatch(/tensor critic\.real\.0\.weight is Infinity/);
  });

  it('hold no variance below 0', () => {
    const model = modelOf(dcgan({ image: [8, 8, 1], latent: 2, width: 1 }));
    const [name, { data }] = [...model.statistics].find(([key]) => key.endsWith('.variance')) as [
      string,
      { data: Float32Array },
    ];
    data[1] = -5;
    expect(messageOf(() => decodeModel(encodeModel(model).buffer, 'f'))).toBe(
      `f: value 1 of ${data.length} of tensor statistics.${name} is -5; a variance is 0 or more, the file is damaged: copy it again or train again`,
    );
  });
});

describe('checkpoint files', () => {
  it.each([
    { averageDecay: 0, precision: 'f32' },
    { averageDecay: 0.99, precision: 'f32' },
    { averageDecay: 0.99, precision: 'mixed' },
  ] as const)('come back as they were, averageDecay $averageDecay and precision $precision', (one) => {
    const checkpoint = checkpointOf(modelOf(SMALL, one.averageDecay, one.precision));
    const { plan, ...rest } = checkpoint;
    expect(decodeCheckpoint(encodeCheckpoint(checkpoint).buffer, 'f')).toEqual(checkpoint);
    expect(plan).toBeDefined();
    expect(decodeCheckpoint(encodeCheckpoint(rest).buffer, 'f')).toEqual(rest);
    expect(checkpoint.state.has('guard')).toBe(one.precision === 'mixed');
  });

  it('of mixed precision may lack the loss scales, but not have others than training comes to', () => {
    const checkpoint = checkpointOf(modelOf(SMALL, 0, 'mixed'));
    const withGuard = (guard?: Uint32Array<ArrayBuffer>): ArrayBuffer => {
      const state = new Map(checkpoint.state);
      state.delete('guard');
      return encodeCheckpoint({ ...checkpoint, state: guard ? state.set('guard', guard) : state }).buffer;
    };
    expect(decodeCheckpoint(withGuard(), 'f').state.has('guard')).toBe(false);
    for (const scale of [Number.NaN, 0, 0.5, 2 ** 25])
      expect(messageOf(() => decodeCheckpoint(withGuard(guardWith(1, scale)), 'f'))).toMatch(
        /^f: tensor state\.guard holds the loss scales 1 and .*, the file is damaged/,
      );
    const up = guardWith(1, 1);
    up[0] = 1;
    expect(messageOf(() => decodeCheckpoint(withGuard(up), 'f'))).toMatch(/the fault 1;/);
  });

  it('are told from models, and must be whole', () => {
    const model = modelOf(SMALL);
    expect(isCheckpoint(encodeModel(model).buffer, 'f')).toBe(false);
    expect(isCheckpoint(encodeCheckpoint(checkpointOf(model)).buffer, 'f')).toBe(true);
    expect(messageOf(() => decodeCheckpoint(encodeModel(model).buffer, 'f'))).toMatch(
      /^f: is a model without the optimisers' state; resume from checkpoint\.safetensors/,
    );
    const { state, ...rest } = checkpointOf(model);
    const without = new Map(state);
    without.delete('critic.moments');
    expect(
      messageOf(() => decodeCheckpoint(encodeCheckpoint({ ...rest, state: without }).buffer, 'f')),
    ).toMatch(/tensor state\.critic\.moments of shape \[\d+\] is missing/);
    const short = new Map(state).set('critic.moments', new Uint32Array(3));
    expect(
      messageOf(() => decodeCheckpoint(encodeCheckpoint({ ...rest, state: short }).buffer, 'f')),
    ).toMatch(/tensor state\.critic\.moments has shape \[3\]/);
  });
});

describe('on disk', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'model-file-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('writes and reads back, leaving nothing else behind', async () => {
    const model = modelOf(SMALL);
    await writeModel(join(folder, 'new', 'm.safetensors'), model);
    expect(await readModel(join(folder, 'new', 'm.safetensors'))).toEqual(model);
    expect(await readdir(join(folder, 'new'))).toEqual(['m.safetensors']);
  });

  it('says why a file cannot be read or written', async () => {
    await expect(readModel(join(folder, 'none'))).rejects.toThrow(
      /none: cannot be read \(no such file or folder\); check the path/,
    );
    await writeFile(join(folder, 'file'), 'text');
    await expect(writeModel(join(folder, 'file', 'm.safetensors'), modelOf(SMALL))).rejects.toThrow(
      /m\.safetensors: cannot be written \(.*part of the path is a file\)/,
    );
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('text');
    // A folder that is there and takes no other: Node's recursive mkdir never comes back from it.
    if (process.platform === 'linux')
      await expect(writeModel('/proc/none/m.safetensors', modelOf(SMALL))).rejects.toThrow(
        /m\.safetensors: cannot be written \(no such file or folder\)/,
      );
    expect(await readdir(folder)).toEqual(['file', 'new']);
  });
});
