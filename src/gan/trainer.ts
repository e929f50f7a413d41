/**
 * The training loop. Each generator iteration is `criticSteps` critic steps and one generator step, replayed from one
 * Plan; several iterations go into one command buffer, and the metrics come back without the loop waiting for them.
 * Everything random derives from (seed, iteration), so that a resumed run continues bit for bit.
 */
import type { Dataset } from '../data/dataset.ts';
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import { type PhaseRun, Plan } from '../gpu/plan.ts';
import { type KernelProfile, Profiler } from '../gpu/profiler.ts';
import { ReadbackRing } from '../gpu/readback.ts';
import { type Recording, printRecording } from '../gpu/recording.ts';
import { type Target, lacksForMixed, targetOf } from '../gpu/target.ts';
import { choicesOf } from '../graph/candidates.ts';
import { type Graph, sizeOf } from '../graph/graph.ts';
import { type Networks, networksOf } from '../nn/architectures.ts';
import { initialParameters } from '../nn/initialise.ts';
import { mostSamples } from '../ops/entropic-objective.ts';
import { type Checkpoint, NETWORKS, type NetworkName } from './checkpoint.ts';
import { freeze, frozenStatistics } from './freeze.ts';
import { generate } from './generate.ts';
import type { Model } from './model.ts';
import { type ResidentData, uploadDataset } from './resident-data.ts';
import {
  type TrainerOptions,
  type TrainerSettings,
  averageDecayAt,
  lambdaAt,
  trainerSettings,
} from './settings.ts';
import { type StepName, drawValues, stepGraphs, stepRecordings } from './steps.ts';
import {
  type StatusReport,
  STATUS_BYTES,
  decodeStatus,
  nonFinite,
  optimiserBytes,
  trainingBuffers,
} from './training-buffers.ts';
import { type TuningReport, tunedVariants } from './tuned-variants.ts';
import type { VariantStore, Variants } from './variant-store.ts';
import { flatten, unflatten } from './weights.ts';

/** What is known of training at one generator iteration. Means and errors are over the batch, costs in units of the data. */
export interface TrainingReport extends StatusReport {
  /** Generator iterations made so far. */
  readonly step: number;
  readonly lambda: number;
  readonly stepsPerSecond: number;
}

/** What a trainer may be created with beside its settings. */
export interface TrainerExtras {
  /** Where to go on from. */
  readonly resume?: Checkpoint;
  /** Times every kernel on the GPU, in a pass of its own (slower). Default false. */
  readonly profile?: boolean;
  /**
   * Before the first step, times the kernels that could run the products of the training steps, within 3 s, and takes the fastest
   * of each; what they were is kept in this store, and taken from it next time. Other kernels give other last digits. A resumed
   * run keeps to the kernels that its checkpoint records, whatever is in the store. Default: nothing is timed.
   */
  readonly tune?: VariantStore;
}

export interface RunOptions {
  /** Train until this many generator iterations have been made in all; those before a resume count. */
  readonly steps: number;
  /** A report every so many iterations, and at the last. Default 50. */
  readonly reportEvery?: number;
  readonly signal?: AbortSignal;
}

/** A report that the GPU has not sent back yet. */
interface PendingReport {
  readonly step: number;
  readonly lambda: number;
  readonly stepsPerSecond: number;
  readonly bytes: Promise<ArrayBuffer>;
  done: boolean;
}

/** A data set on the GPU and the plan that trains on it. */
interface Prepared {
  readonly dataset: Dataset;
  readonly resident: ResidentData;
  readonly plan: Plan<StepName>;
  readonly recordings: Readonly<Record<StepName, Recording>>;
  /** What its shapes run. */
  readonly variants: Variants;
}

/** A submit should take about this long: short enough for reports and Ctrl-C, long enough to hide its own cost. */
const SUBMIT_MS = 250;
const MOST_ITERATIONS_PER_SUBMIT = 64;

export class Trainer implements Disposable {
  readonly settings: TrainerSettings;
  readonly #device: Device;
  readonly #networks: Networks;
  readonly #buffers: Readonly<Record<string, OwnedBuffer>>;
  readonly #ring: ReadbackRing;
  readonly #profiler: Profiler | undefined;
  readonly #tune: VariantStore | undefined;
  /** The choices that a plan keeps to, once they are known. */
  #variants: Variants | undefined;
  #tuning: TuningReport | undefined;
  #iteration: number;
  #data: Prepared | undefined;
  #dataName: string;
  #pixelScale: number | null;
  #running = false;
  #disposed = false;

  private constructor(
    device: Device,
    settings: TrainerSettings,
    buffers: Readonly<Record<string, OwnedBuffer>>,
    { resume: resumed, profile = false, tune }: TrainerExtras,
  ) {
    this.settings = settings;
    this.#device = device;
    this.#networks = networksOf(settings.model);
    this.#buffers = buffers;
    this.#iteration = resumed?.model.configuration.steps ?? 0;
    this.#dataName = resumed?.model.configuration.data ?? '';
    this.#pixelScale = resumed?.model.configuration.pixelScale ?? null;
    this.#variants = resumed?.model.configuration.variants;
    this.#tune = tune;
    this.#profiler = profile ? new Profiler(device) : undefined;
    this.#ring = new ReadbackRing(device, 'metrics', STATUS_BYTES, 8);
  }

  /**
   * Makes a trainer with fresh weights, or with those of a checkpoint.
   * @throws UserError naming the option that is wrong.
   */
  static async create(device: Device, options: TrainerOptions, extras: TrainerExtras = {}): Promise<Trainer> {
    const { resume } = extras;
    const settings = trainerSettings(options);
    const d = sizeOf(settings.model.sample);
    const most = mostSamples(device.gpu.limits.maxStorageBufferBindingSize, d);
    if (settings.batch > most)
      throw new UserError(
        `trainer: batch is ${settings.batch}; this device takes at most ${most} samples of ${d} values at once, use a smaller batch`,
      );
    const lacks = settings.precision === 'mixed' ? lacksForMixed(targetOf(device)) : [];
    if (lacks.length > 0)
      throw new UserError(
        `trainer: precision is mixed, but this device has no ${lacks.join(', no ')}; open it with mixedPrecision: true on a GPU with f16, or take precision f32`,
      );
    const networks = networksOf(settings.model);
    const buffers = trainingBuffers(device, settings, networks);
    try {
      if (resume) checkResumable(resume, settings, networks);
      const upload = (name: string, words: ArrayBufferView<ArrayBuffer>): void =>
        device.upload((buffers[name] as OwnedBuffer).buffer, 0, words);
      NETWORKS.forEach((network, stream) => {
        const { layout } = networks[network];
        const initial = resume
          ? flatten(layout, resume.model[network])
          : initialParameters(layout, settings.seed, stream);
        upload(`${network}.parameters`, initial);
        if (network === 'generator' && settings.averageDecay > 0) upload('generator.average', initial);
      });
      // Where the model is a moving average, the weights that it averages are beside it.
      if (resume?.generator)
        upload('generator.parameters', flatten(networks.generator.layout, resume.generator));
      // Loss scales that the checkpoint does not have begin anew, those that float32 has no use for stay behind.
      for (const [name, words] of resume?.state ?? [])
        if (name !== 'guard' || settings.precision === 'mixed') upload(name, words);
      await device.idle();
      return new Trainer(device, settings, buffers, extras);
    } catch (error) {
      for (const buffer of Object.values(buffers)) buffer.dispose();
      throw error;
    }
  }

  /** Generator iterations made so far, skipped ones included. */
  get steps(): number {
    return this.#iteration;
  }

  /** GPU time per kernel so far, where the trainer was created with `profile`. */
  profile(): KernelProfile[] {
    return this.#profiler?.table() ?? [];
  }

  /** How the kernels were chosen, where the trainer was created with `tune`; known once training has begun. */
  get tuning(): TuningReport | undefined {
    return this.#tuning;
  }

  /** Dispatches of one critic step and of one generator step; known once training has begun. */
  get dispatches(): Readonly<Record<StepName, number>> | undefined {
    const plan = this.#data?.plan;
    return plan && { critic: plan.dispatchesOf('critic'), generator: plan.dispatchesOf('generator') };
  }

  /** The recorded work of both steps, as text; known once training has begun. */
  describe(): string {
    const recordings = this.#data?.recordings;
    if (!recordings) return '';
    return Object.entries(recordings)
      .map(([name, recording]) => `${name} step\n${printRecording(recording)}`)
      .join('\n');
  }

  /**
   * Trains on a data set, which is uploaded once, and yields a report every `reportEvery` iterations.
   * Stops after the iteration under way when the signal aborts; what is made so far stays.
   * One run at a time; its reports come in order.
   * @throws UserError when the data do not fit the model, or the objective is no longer finite.
   */
  async *run(dataset: Dataset, options: RunOptions): AsyncGenerator<TrainingReport, void, void> {
    const { steps, reportEvery = 50, signal } = options;
    this.#check();
    for (const [name, value] of Object.entries({ steps, reportEvery })) {
      if (!Number.isInteger(value) || value < 1)
        throw new UserError(`trainer: ${name} is ${value}; must be a whole number of 1 or more`);
    }
    if (this.#running)
      throw new UserError('trainer: run() is already under way; await its end, or leave its loop, first');
    this.#running = true;
    const pending: PendingReport[] = [];
    try {
      yield* this.#iterate(await this.#prepare(dataset), { steps, reportEvery, signal }, pending);
    } catch (error) {
      this.#check(); // where it was disposed meanwhile, that is the reason
      throw error;
    } finally {
      // Also where the caller leaves the loop early: the next run finds the ring free.
      await Promise.allSettled(pending.map(({ bytes }) => bytes));
      this.#running = false;
    }
  }

  /** The loop of `run`; `pending` holds the reports under way. */
  async *#iterate(
    { plan }: Prepared,
    { steps, reportEvery, signal }: { steps: number; reportEvery: number; signal: AbortSignal | undefined },
    pending: PendingReport[],
  ): AsyncGenerator<TrainingReport, void, void> {
    const reported = (step: number): boolean => step % reportEvery === 0 || step === steps;
    let wanted = 1; // iterations per submit
    let measuredMs = 0; // per iteration, smoothed
    let previous: { iterations: number; done: Promise<void> } | undefined;
    let mark = performance.now();
    while (this.#iteration < steps && !signal?.aborted) {
      this.#check();
      while (this.#ring.free === 0) yield await report(pending.shift() as PendingReport, this.settings);
      const runs: PhaseRun<StepName>[] = [];
      const asked: (() => PendingReport)[] = [];
      let made = 0;
      for (; made < wanted && this.#iteration + made < steps; made++) {
        const iteration = this.#iteration + made;
        const step = iteration + 1;
        if (reported(step) && this.#ring.free === 0) break;
        const lambda = lambdaAt(this.settings.lambda, iteration);
        for (let s = 0; s < this.settings.criticSteps; s++)
          runs.push({ phase: 'critic', values: this.#values(iteration, s, lambda) });
        const generator = {
          phase: 'generator',
          values: this.#values(iteration, this.settings.criticSteps, lambda),
        } as const;
        if (reported(step)) {
          const ticket = this.#ring.take();
          const stepsPerSecond = measuredMs > 0 ? 1000 / measuredMs : 0;
          asked.push(() => pendingReport({ step, lambda, stepsPerSecond }, ticket.arrived()));
          runs.push({ ...generator, after: (encoder) => ticket.encode(encoder, this.#status()) });
        } else runs.push(generator);
      }
      plan.run(runs);
      this.#iteration += made;
      pending.push(...asked.map((ask) => ask()));
      const done = this.#device.idle();
      done.catch(() => {}); // its failure is seen when it is awaited, one round later
      if (this.#profiler) await this.#profiler.collect();
      if (previous) {
        await previous.done; // at most two submits are under way
        const now = performance.now();
        const tookMs = (now - mark) / previous.iterations;
        mark = now;
        measuredMs = measuredMs === 0 ? tookMs : 0.7 * measuredMs + 0.3 * tookMs;
        if (!this.#profiler)
          wanted = Math.max(1, Math.min(MOST_ITERATIONS_PER_SUBMIT, Math.round(SUBMIT_MS / measuredMs)));
      }
      previous = { iterations: made, done };
      while (pending[0]?.done) yield await report(pending.shift() as PendingReport, this.settings);
    }
    await previous?.done;
    while (pending.length > 0) yield await report(pending.shift() as PendingReport, this.settings);
  }

  /** The model as trained so far. */
  async model(): Promise<Model> {
    return (await this.checkpoint()).model;
  }

  /** Everything that a resumed run needs to continue bit for bit. */
  async checkpoint(): Promise<Checkpoint> {
    this.#check();
    const steps = this.#iteration;
    const average = this.#buffers['generator.average'];
    // One copy of everything, so that all of it is of one moment.
    const names = Object.keys(this.#buffers).filter((name) => !/^status$|\.gradients$/.test(name));
    const contents = await this.#device.readAll(names.map((name) => this.#buffers[name] as OwnedBuffer));
    const read = new Map(names.map((name, i) => [name, contents[i] as ArrayBuffer]));
    const words = (name: string) => new Uint32Array(read.get(name) as ArrayBuffer);
    if (words('guard')[0] !== 0) throw nonFinite(steps, this.settings);
    const weights = (network: NetworkName, name: string) =>
      unflatten(this.#networks[network].layout, new Float32Array(read.get(name) as ArrayBuffer));
    const own = weights('generator', 'generator.parameters');
    const generator = average ? weights('generator', 'generator.average') : own;
    const state = new Map(
      [
        ...Object.keys(optimiserBytes(this.settings, this.#networks)),
        ...(this.settings.precision === 'mixed' ? ['guard'] : []),
      ].map((name) => [name, words(name)]),
    );
    return {
      model: {
        configuration: {
          settings: this.settings,
          pixelScale: this.#pixelScale,
          steps,
          data: this.#dataName,
          adapter: this.#device.adapter.description || this.#device.adapter.device,
          kernels: this.#data ? kernelsOf(Object.values(this.#data.recordings)) : [],
          variants: this.#data?.variants ?? this.#variants ?? {},
        },
        generator,
        statistics: await frozenStatistics(this.#device, this.settings.model, generator),
        critic: weights('critic', 'critic.parameters'),
      },
      ...(average ? { generator: own } : {}),
      state,
    };
  }

  /** `count` samples of the generator, [count, d]. The same seed gives the same latents. */
  async sample(count: number, options: { seed?: number } = {}): Promise<Float32Array<ArrayBuffer>> {
    this.#check();
    const { buffer: parameters } = (this.#buffers['generator.average'] ??
      this.#buffers['generator.parameters']) as OwnedBuffer;
    using statistics = this.#device.storage('statistics', this.#networks.generator.statistics.bytes);
    const weights = { parameters, statistics: statistics.buffer };
    await freeze(this.#device, this.settings.model, weights);
    return await generate(this.#device, this.settings.model, weights, count, options.seed ?? 0, () =>
      this.#check(),
    );
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#data?.plan.dispose();
    this.#data?.resident.buffer.dispose();
    this.#ring.dispose();
    this.#profiler?.dispose();
    for (const buffer of Object.values(this.#buffers)) buffer.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  #check(): void {
    if (this.#disposed) throw new UserError('trainer: used after dispose(); create a new one');
  }

  /** Uploads the data set and builds the plan, unless that is done. */
  async #prepare(dataset: Dataset): Promise<Prepared> {
    if (this.#data?.dataset === dataset) return this.#data;
    const { model } = this.settings;
    const d = sizeOf(model.sample);
    if (sizeOf(dataset.shape) !== d)
      throw new UserError(
        `trainer: samples of ${dataset.name} have shape [${dataset.shape}] (${sizeOf(dataset.shape)} values), the model was made for [${model.sample}] (${d}); give the model sample: [${dataset.shape}]`,
      );
    if (dataset.count < 1)
      throw new UserError(`trainer: ${dataset.name} has no samples; check its selectors`);
    this.#data?.plan.dispose();
    this.#data?.resident.buffer.dispose();
    this.#data = undefined;
    const resident = uploadDataset(this.#device, dataset);
    try {
      const graphs = stepGraphs(this.settings, this.#networks, resident);
      const target = await this.#target(Object.values(graphs));
      this.#check();
      const recordings = stepRecordings(graphs, target);
      const externals: Record<string, GPUBuffer> = { data: resident.buffer.buffer };
      for (const [name, owned] of Object.entries(this.#buffers)) externals[name] = owned.buffer;
      const plan = await Plan.create(this.#device, recordings, externals, {
        phasesPerRun: MOST_ITERATIONS_PER_SUBMIT * (this.settings.criticSteps + 1),
        ...(this.#profiler ? { profiler: this.#profiler } : {}),
      });
      if (this.#disposed) plan.dispose();
      this.#check();
      const variants = choicesOf(Object.values(graphs), target);
      this.#data = { dataset, resident, plan, recordings, variants };
    } catch (error) {
      resident.buffer.dispose();
      throw error;
    }
    this.#dataName = dataset.name;
    this.#pixelScale = dataset.pixels.kind === 'bytes' ? dataset.pixels.scale : null;
    return this.#data;
  }

  /** What the plan's kernels are chosen for: the device, and the choices made for it, which stay. */
  async #target(graphs: readonly Graph[]): Promise<Target> {
    const target = targetOf(this.#device, this.settings.precision);
    if (!this.#variants && this.#tune) {
      const { variants, report } = await tunedVariants(this.#device, graphs, target, this.#tune);
      this.#variants = variants;
      this.#tuning = report;
    }
    return { ...target, ...(this.#variants ? { variants: this.#variants } : {}) };
  }

  /** The step params of the `draw`-th of the criticSteps + 1 batches of an iteration. */
  #values(iteration: number, draw: number, lambda: number): Record<string, number> {
    const { criticSteps, batch, skipRule, averageDecay } = this.settings;
    return {
      ...drawValues(iteration * (criticSteps + 1) + draw, batch, (this.#data as Prepared).resident.count),
      lambda,
      averageDecay: averageDecayAt(averageDecay, iteration),
      enabled: skipRule && iteration === 0 && draw === criticSteps ? 0 : 1,
    };
  }

  /** The pieces of memory that a report is made of. */
  #status(): { buffer: GPUBuffer; offset: number; bytes: number }[] {
    return ['status', 'guard'].map((name) => {
      const { buffer, bytes } = this.#buffers[name] as OwnedBuffer;
      return { buffer, offset: 0, bytes };
    });
  }
}

/** @throws UserError where a checkpoint was made with another architecture or other optimisers. */
function checkResumable({ model, state }: Checkpoint, settings: TrainerSettings, networks: Networks): void {
  const fix = 'resume with the settings that the checkpoint was made with';
  for (const network of NETWORKS) {
    for (const { name, shape } of networks[network].layout.parameters) {
      const found = model[network].get(name)?.shape;
      if (found?.join() !== shape.join())
        throw new UserError(
          `checkpoint: ${network}.${name} is ${found ? `[${found}]` : 'missing'}, the settings ask for [${shape}]; ${fix}`,
        );
    }
    const { kind } = model.configuration.settings[network];
    if (kind !== settings[network].kind)
      throw new UserError(
        `checkpoint: its optimiser of the ${network} is ${kind}, the settings ask for ${settings[network].kind}; ${fix}`,
      );
  }
  for (const [name, bytes] of Object.entries(optimiserBytes(settings, networks))) {
    const found = state.get(name)?.byteLength ?? 0;
    if (found !== bytes)
      throw new UserError(`checkpoint: ${name} holds ${found} bytes, the settings ask for ${bytes}; ${fix}`);
  }
}

function pendingReport(
  entry: Omit<PendingReport, 'bytes' | 'done'>,
  bytes: Promise<ArrayBuffer>,
): PendingReport {
  const pending: PendingReport = { ...entry, bytes, done: false };
  const settle = (): void => void (pending.done = true);
  bytes.then(settle, settle);
  return pending;
}

async function report(
  { step, lambda, stepsPerSecond, bytes }: PendingReport,
  settings: TrainerSettings,
): Promise<TrainingReport> {
  const status = decodeStatus(await bytes, settings);
  if (!status) throw nonFinite(step, settings);
  return { step, lambda, ...status, stepsPerSecond };
}

/** The distinct kernels of recordings, for the record of what a run used. */
function kernelsOf(recordings: readonly Recording[]): string[] {
  return [
    ...new Set(recordings.flatMap((recording) => recording.dispatches.map((call) => call.kernel))),
  ].sort();
}
