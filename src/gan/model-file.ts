/**
 * Model files and checkpoint files: safetensors whose metadata hold the whole configuration, one JSON value a name.
 *   model        generator.<parameter>, critic.<parameter>, statistics.<batch norm's> and, where there is one,
 *                encoder.<parameter>        (F32)
 *   checkpoint   the same, state.<optimiser buffer> and, of mixed precision, state.guard (U32), and, where the model holds a moving average of the
 *                generator's weights, own.generator.<parameter> (F32) with the weights themselves
 * Everything is checked on reading, so that what comes out fits the configuration and is finite.
 */
import * as v from 'valibot';
import { UserError } from '../gpu/errors.ts';
import { PRECISIONS } from '../gpu/target.ts';
import { sizeOf } from '../graph/graph.ts';
import { type Architecture, networksOf } from '../nn/architectures.ts';
import type { Layer, ParameterLayout } from '../nn/layers.ts';
import type { OptimiserSettings } from '../nn/optimisers.ts';
import { ACTIVATIONS } from '../ops/activation-kinds.ts';
import { isLossScale } from '../ops/guard.ts';
import { LIKELIHOOD_COSTS } from '../ops/log-likelihood.ts';
import { type Checkpoint, NETWORKS, type RunPlan } from './checkpoint.ts';
import { encoderNetwork } from './encoder.ts';
import type { Encoder, EncoderTraining, Model, ModelConfiguration, Weights } from './model.ts';
import { type StoredTensor, decodeSafetensors, encodeSafetensors } from './safetensors.ts';
import {
  FORMS,
  GENERATOR_LOSSES,
  OBJECTIVES,
  TRAINING_COSTS,
  type TrainerSettings,
  trainerSettings,
} from './settings.ts';
import { GUARD_WORDS, lossScalesOf, optimiserBytes } from './training-buffers.ts';

const FORMAT = 'entropic-gan';
/** Raised when a file of before can no longer be read. */
const FORMAT_VERSION = 1;

/** The bytes of a model file. @throws UserError where a weight is not finite. */
export function encodeModel(model: Model): Uint8Array<ArrayBuffer> {
  return encodeSafetensors({ metadata: describe('model', model), tensors: new Map(modelTensors(model)) });
}

/** The bytes of a checkpoint file. @throws UserError where a weight is not finite. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array<ArrayBuffer> {
  const { model, generator, state, plan } = checkpoint;
  return encodeSafetensors({
    metadata: { ...describe('checkpoint', model), ...(plan ? { plan: JSON.stringify(plan) } : {}) },
    tensors: new Map([
      ...modelTensors(model),
      ...(generator ? prefixed('own.generator', generator) : []),
      ...[...state].map(([name, data]): [string, StoredTensor] => [
        `state.${name}`,
        { shape: [data.length], data },
      ]),
    ]),
  });
}

/**
 * The model in the bytes of a model file or of a checkpoint file.
 * @param where path of the file, for messages.
 * @throws UserError where the file is cut short, of another format or version, or does not hold what its configuration asks.
 */
export function decodeModel(file: ArrayBuffer, where: string): Model {
  return decodeParts(file, where).model;
}

/** Whether the bytes are of a checkpoint file. Parameters and errors as for a model. */
export function isCheckpoint(file: ArrayBuffer, where: string): boolean {
  return decodeSafetensors(file, where).metadata['kind'] === 'checkpoint';
}

/** The checkpoint in the bytes of a checkpoint file. Parameters and errors as for a model. */
export function decodeCheckpoint(file: ArrayBuffer, where: string): Checkpoint {
  const { model, metadata, tensors } = decodeParts(file, where);
  if (metadata['kind'] !== 'checkpoint')
    throw new UserError(
      `${where}: is a model without the optimisers' state; resume from checkpoint.safetensors`,
    );
  const { settings } = model.configuration;
  const networks = networksOf(settings.model);
  const state = new Map<string, Uint32Array<ArrayBuffer>>();
  const words = (name: string, bytes: number): Uint32Array<ArrayBuffer> => {
    const tensor = tensorOf(tensors, `state.${name}`, [bytes / 4], where);
    if (!(tensor.data instanceof Uint32Array))
      throw new UserError(`${where}: tensor state.${name} is of type F32, must be U32`);
    return tensor.data;
  };
  for (const [name, bytes] of Object.entries(optimiserBytes(settings, networks)))
    state.set(name, words(name, bytes));
  if (tensors.has('state.guard')) state.set('guard', checkedGuard(words('guard', GUARD_WORDS * 4), where));
  const { plan } = metadata;
  return {
    model,
    ...(settings.averageDecay > 0
      ? { generator: weightsOf(tensors, 'own.generator', networks.generator.layout, where) }
      : {}),
    state,
    ...(plan === undefined ? {} : { plan: parsed(runPlan, parseJson(plan), `${where}: plan`) }),
  };
}

/** The configuration as metadata, in the schemas' order, so that equal models make equal files. */
function describe(kind: 'model' | 'checkpoint', { configuration, encoder }: Model): Record<string, string> {
  const { model: given, ...settings } = configuration.settings;
  // As JSON has it: a member of a layer that is undefined is one that is left out.
  const model = JSON.parse(JSON.stringify(given)) as unknown;
  const { settings: _, ...rest } = configuration;
  const values = Object.entries({
    ...v.parse(settingsSchema, { ...settings, model }),
    ...v.parse(restSchema, rest),
  });
  return {
    format: FORMAT,
    version: String(FORMAT_VERSION),
    kind,
    ...Object.fromEntries(values.map(([name, value]) => [name, JSON.stringify(value)])),
    ...(encoder ? { encoder: JSON.stringify(v.parse(encoderSchema, plain(encoder))) } : {}),
  };
}

/** What the file says of an encoder, as JSON has it: a member of a layer that is undefined is one that is left out. */
function plain({ layers, training }: Encoder): unknown {
  return JSON.parse(JSON.stringify({ layers, training })) as unknown;
}

function modelTensors(model: Model): [string, StoredTensor][] {
  return [
    ...NETWORKS.flatMap((network) => prefixed(network, model[network])),
    ...prefixed('statistics', model.statistics),
    ...(model.encoder ? prefixed('encoder', model.encoder.weights) : []),
  ];
}

function prefixed(prefix: string, weights: Weights): [string, StoredTensor][] {
  return [...weights].map(([name, tensor]) => {
    checkFinite(`${prefix}.${name}`, tensor, 'model');
    return [`${prefix}.${name}`, tensor];
  });
}

function decodeParts(
  file: ArrayBuffer,
  where: string,
): { model: Model; metadata: Readonly<Record<string, string>>; tensors: ReadonlyMap<string, StoredTensor> } {
  const { metadata, tensors } = decodeSafetensors(file, where);
  if (metadata['format'] !== FORMAT)
    throw new UserError(
      `${where}: not a model of this library: its metadata state format ${JSON.stringify(metadata['format'] ?? null)}, must be "${FORMAT}"; give a file that training wrote`,
    );
  if (metadata['version'] !== String(FORMAT_VERSION))
    throw new UserError(
      `${where}: format version is ${metadata['version'] ?? 'missing'}, this library reads ${FORMAT_VERSION}; read it with the version that wrote it, or train again`,
    );
  const configuration = configurationOf(metadata, where);
  const networks = networksOf(configuration.settings.model);
  const read = (prefix: string, layout: ParameterLayout): Weights =>
    weightsOf(tensors, prefix, layout, where);
  const statistics = read('statistics', networks.generator.statistics);
  checkVariances(statistics, where);
  const { encoder } = metadata;
  return {
    model: {
      configuration,
      generator: read('generator', networks.generator.layout),
      statistics,
      critic: read('critic', networks.critic.layout),
      ...(encoder === undefined
        ? {}
        : { encoder: encoderOf(encoder, configuration, (layout) => read('encoder', layout), where) }),
    },
    metadata,
    tensors,
  };
}

/** The encoder that a text of the metadata describes. */
function encoderOf(
  text: string,
  { settings }: ModelConfiguration,
  read: (layout: ParameterLayout) => Weights,
  where: string,
): Encoder {
  const { layers, training } = parsed(encoderSchema, parseJson(text), `${where}: encoder`);
  const { layout } = namingFile(where, () => encoderNetwork(settings.model, layers));
  return { layers, training, weights: read(layout) };
}

/** The named tensors of a network, in the order of its layout. */
function weightsOf(
  tensors: ReadonlyMap<string, StoredTensor>,
  prefix: string,
  layout: ParameterLayout,
  where: string,
): Weights {
  return new Map(
    layout.parameters.map(({ name, shape }) => {
      const full = `${prefix}.${name}`;
      const { data } = tensorOf(tensors, full, shape, where);
      if (!(data instanceof Float32Array))
        throw new UserError(`${where}: tensor ${full} is of type U32, must be F32`);
      const tensor = { shape, data };
      checkFinite(full, tensor, where);
      return [name, tensor];
    }),
  );
}

function tensorOf(
  tensors: ReadonlyMap<string, StoredTensor>,
  name: string,
  shape: readonly number[],
  where: string,
): StoredTensor {
  const tensor = tensors.get(name);
  if (!tensor)
    throw new UserError(
      `${where}: tensor ${name} of shape [${shape.join(', ')}] is missing; the file does not hold what its configuration asks, take it from where it was trained again`,
    );
  if (tensor.shape.length !== shape.length || tensor.shape.some((size, i) => size !== shape[i]))
    throw new UserError(
      `${where}: tensor ${name} has shape [${tensor.shape.join(', ')}], the configuration asks for [${shape.join(', ')}]; take the file from where it was trained again`,
    );
  return tensor;
}

function checkFinite(name: string, { data, shape }: StoredTensor, where: string): void {
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    throw new UserError(
      `${where}: value ${bad} of ${sizeOf(shape)} of tensor ${name} is ${data[bad]}; weights must be finite, go back to an earlier checkpoint`,
    );
}

/** @throws UserError where the words are none that a run that can go on has written. */
function checkedGuard(guard: Uint32Array<ArrayBuffer>, where: string): Uint32Array<ArrayBuffer> {
  const scales = Object.values(lossScalesOf(guard));
  if (guard[0] !== 0 || !scales.every(isLossScale))
    throw new UserError(
      `${where}: tensor state.guard holds the loss scales ${scales.map(({ scale }) => scale).join(' and ')} and the fault ${guard[0]}; scales are 1 to 2^24 and the fault 0, the file is damaged: go back to an earlier checkpoint`,
    );
  return guard;
}

function checkVariances(statistics: Weights, where: string): void {
  for (const [name, { data }] of statistics) {
    const bad = name.endsWith('.variance') ? data.findIndex((value) => value < 0) : -1;
    if (bad >= 0)
      throw new UserError(
        `${where}: value ${bad} of ${data.length} of tensor statistics.${name} is ${data[bad]}; a variance is 0 or more, the file is damaged: copy it again or train again`,
      );
  }
}

const whole = (least: number) => v.pipe(v.number(), v.integer(), v.minValue(least));

const activated = {
  activation: v.exactOptional(v.picklist(ACTIVATIONS)),
  slope: v.exactOptional(v.number()),
};
const convolution = {
  filters: whole(1),
  kernel: whole(1),
  stride: v.exactOptional(whole(1)),
  bias: v.exactOptional(v.boolean()),
  ...activated,
};
const layer = v.variant('kind', [
  v.strictObject({
    kind: v.literal('dense'),
    units: whole(1),
    bias: v.exactOptional(v.boolean()),
    ...activated,
  }),
  v.strictObject({ kind: v.literal('conv2d'), ...convolution }),
  v.strictObject({ kind: v.literal('conv2d-transpose'), ...convolution }),
  v.strictObject({ kind: v.literal('batch-norm'), ...activated }),
  v.strictObject({ kind: v.literal('quadratic'), bias: v.exactOptional(v.boolean()) }),
  v.strictObject({ kind: v.literal('crop'), height: whole(1), width: whole(1) }),
  v.strictObject({ kind: v.literal('reshape'), shape: v.array(whole(1)) }),
  v.strictObject({ kind: v.literal('flatten') }),
]) satisfies v.GenericSchema<unknown, Layer>;

const architecture = v.strictObject({
  sample: v.array(whole(1)),
  latent: whole(1),
  generator: v.array(layer),
  critic: v.union([
    v.strictObject({ trunk: v.array(layer) }),
    v.strictObject({ real: v.array(layer), fake: v.array(layer) }),
  ]),
}) satisfies v.GenericSchema<unknown, Architecture>;

const optimiser = v.strictObject({
  kind: v.picklist(['adam', 'adamw', 'rmsprop', 'sgd']),
  rate: v.number(),
  beta1: v.number(),
  beta2: v.number(),
  epsilon: v.number(),
  weightDecay: v.number(),
  decay: v.number(),
  momentum: v.number(),
  clipNorm: v.number(),
  weightBound: v.optional(v.number(), 0), // files of before it have none
}) satisfies v.GenericSchema<unknown, OptimiserSettings>;

const settingsEntries = {
  model: architecture,
  objective: v.optional(v.picklist(OBJECTIVES), 'entropic'), // files of before it name none
  cost: v.picklist(TRAINING_COSTS),
  form: v.picklist(FORMS),
  generatorLoss: v.picklist(GENERATOR_LOSSES),
  lambda: v.array(v.tuple([whole(0), v.number()])),
  generator: optimiser,
  critic: optimiser,
  criticSteps: whole(1),
  batch: whole(1),
  seed: whole(0),
  skipRule: v.boolean(),
  averageDecay: v.number(),
  precision: v.optional(v.picklist(PRECISIONS), 'f32'), // files of before it name none
} satisfies { [K in keyof TrainerSettings]: v.GenericSchema<unknown, TrainerSettings[K]> };

const restEntries = {
  pixelScale: v.nullable(v.pipe(v.number(), v.gtValue(0))),
  steps: whole(0),
  data: v.string(),
  adapter: v.string(),
  kernels: v.array(v.string()),
  variants: v.optional(v.record(v.string(), v.string()), {}), // files of before it have none
} satisfies {
  [K in Exclude<keyof ModelConfiguration, 'settings'>]: v.GenericSchema<unknown, ModelConfiguration[K]>;
};

const settingsSchema = v.strictObject(settingsEntries);
const restSchema = v.strictObject(restEntries);

const encoderTraining = v.strictObject({
  cost: v.picklist(LIKELIHOOD_COSTS),
  lambda: v.pipe(v.number(), v.gtValue(0)),
  steps: whole(1),
  batch: whole(1),
  simulated: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  samples: whole(1),
  optimiser,
  seed: whole(0),
  data: v.string(),
}) satisfies v.GenericSchema<unknown, EncoderTraining>;

const encoderSchema = v.strictObject({ layers: v.array(layer), training: encoderTraining });

const runPlan = v.strictObject({
  steps: whole(1),
  reportEvery: whole(1),
  checkpointEvery: whole(1),
}) satisfies v.GenericSchema<unknown, RunPlan>;

function configurationOf(metadata: Readonly<Record<string, string>>, where: string): ModelConfiguration {
  const values = (names: object): Record<string, unknown> =>
    Object.fromEntries(
      Object.keys(names).flatMap((name) =>
        name in metadata ? [[name, parseJson(metadata[name] as string)]] : [],
      ),
    );
  const given = parsed(settingsSchema, values(settingsEntries), where);
  const rest = parsed(restSchema, values(restEntries), where);
  return { settings: namingFile(where, () => trainerSettings(given)), ...rest };
}

/** The result of a check whose errors are to name the file. */
function namingFile<T>(where: string, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof UserError) throw new UserError(`${where}: ${error.message}`);
    throw error;
  }
}

/** The value of a JSON text, or the text itself where it is none: the schema then names it. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** A checked value. @throws UserError naming the first entry that is not as it should be. */
function parsed<T>(schema: v.GenericSchema<unknown, T>, value: unknown, where: string): T {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  let [issue] = result.issues as [v.BaseIssue<unknown>];
  const path: unknown[] = [];
  // The last alternative of a union is the one whose complaint is shown.
  for (;;) {
    path.push(...(issue.path ?? []).map(({ key }) => key));
    const inner = issue.issues?.at(-1);
    if (!inner) break;
    issue = inner;
  }
  const at = path.join('.');
  throw new UserError(
    issue.received === 'undefined'
      ? `${where}: configuration ${at} is missing (expected ${issue.expected}); the file was written by another version or is damaged`
      : `${where}: configuration ${at} is ${shortened(issue.received)}, expected ${issue.expected}; the file was written by another version or is damaged`,
  );
}

/** A value as a message shows it: a whole architecture would fill the screen. */
function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
