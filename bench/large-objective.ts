/**
 * The entropic objective alone, value and all gradients, by default at n = m = 16 384 and d = 64 on a device with WebGPU's default
 * limits, where an n × m matrix (1 GiB) could be neither bound (128 MiB) nor even made (256 MiB).
 * Verified first: everything against the float64 twin at a smaller odd size, and at full size the gradients of some
 * rows, columns and samples, each of which depends on n or m pairs. Beside tfjs, where its n × m matrices can be made, all of
 * tfjs's results against ours.
 */
import { threefryNormals } from '../src/data/random.ts';
import { type OwnedBuffer, Device } from '../src/gpu/device.ts';
import { targetOf } from '../src/gpu/target.ts';
import type { Recording } from '../src/gpu/recording.ts';
import { Graph, type Tensor, sizeOf } from '../src/graph/graph.ts';
import { schedule } from '../src/graph/schedule.ts';
import {
  type ObjectiveScalars,
  decodeObjectiveScalars,
  entropicObjective,
  entropicObjectiveGradient,
} from '../src/ops/entropic-objective.ts';
import {
  entropicObjective as objectiveTwin,
  entropicObjectiveGradient as gradientTwin,
} from '../test/reference/entropic-objective.ts';
import { napping } from '../src/node/naps.ts';
import { requestAdapter } from './adapter.ts';
import { interleave } from './interleave.ts';
import type { Tfjs } from './tfjs/backend.ts';
import { type ObjectiveArrays, tfjsObjective } from './tfjs/objective.ts';
import { type PlanTiming, type TimedPlan, timePlan, timedPlan } from './time-plan.ts';
import type { TimingOptions } from './training-step.ts';

const SAMPLED = 16;
/** λ, about the standard deviation of the costs of two standard normal samples. */
const lambdaOf = (d: number): number => 2 * Math.sqrt(d);
/** What float32 allows: J relative to its terms, the critics' gradients times n or m, ∂J/∂ŷ relative to the largest. */
const ALLOWED = { objective: 5e-6, gradCriticReal: 5e-5, gradCriticFake: 5e-5, gradFake: 2e-5 };

type Errors = Record<keyof typeof ALLOWED, number>;

type Inputs = ObjectiveArrays & {
  readonly [K in 'real' | 'fake' | 'criticReal' | 'criticFake']: Float32Array<ArrayBuffer>;
};

interface Results {
  readonly scalars: ObjectiveScalars;
  readonly gradCriticReal: Float32Array;
  readonly gradCriticFake: Float32Array;
  readonly gradFake: Float32Array;
}

export interface LargeObjective extends PlanTiming {
  readonly n: number;
  readonly m: number;
  readonly d: number;
  readonly gflop: number;
  /** Everything that is on the GPU for it: inputs, results, temporaries, params. */
  readonly gpuBytes: number;
  readonly largestBindingBytes: number;
  readonly bindingLimitBytes: number;
  readonly bufferLimitBytes: number;
  readonly matrixBytes: number;
  /** Against the float64 twin: everything at 300 × 500; at full size some rows and columns, J not. */
  readonly errors: { readonly small: Errors; readonly large: Omit<Errors, 'objective'> };
  /** Beside tfjs, in turn: medians in milliseconds, and how far its results are from ours. */
  readonly tfjs?: {
    readonly oursMs: number;
    readonly tfjsMs: number;
    readonly ratio: number;
    readonly turns: { readonly oursMs: readonly number[]; readonly tfjsMs: readonly number[] };
    readonly errors: Errors;
  };
}

/** A device with nothing but the default limits, and the features that kernels are chosen by. */
export async function openDefaultDevice(): Promise<Device> {
  const { adapter, description, instance } = await requestAdapter();
  const gpu = await adapter.requestDevice({
    label: 'default limits',
    requiredFeatures: (['timestamp-query', 'subgroups', 'shader-f16'] as const).filter((feature) =>
      adapter.features.has(feature),
    ),
  });
  return new Device(gpu, description, { onDispose: () => void instance, ...napping(description) });
}

/**
 * Verifies, then times.
 * @param turns how many timed submits the median is of.
 * @throws Error where a result is wrong.
 */
export async function runLargeObjective(
  device: Device,
  {
    size,
    turns,
    dims = 64,
    tf,
  }: { readonly size: number; readonly turns: number; readonly dims?: number; readonly tf?: Tfjs },
): Promise<LargeObjective> {
  using objective = await openObjective(device, { size, dims });
  const { inputs, ours, errors, recording } = objective;
  const bindings = recording.dispatches.flatMap((call) => Object.values(call.bindings));
  return {
    n: size,
    m: size,
    d: dims,
    ...(await objective.time({ turns, turnMs: 200 })),
    gflop: recording.dispatches.reduce((sum, call) => sum + call.flops, 0) / 1e9,
    gpuBytes: objective.gpuBytes,
    largestBindingBytes: Math.max(...bindings.map(({ bytes }) => bytes)),
    bindingLimitBytes: device.gpu.limits.maxStorageBufferBindingSize,
    bufferLimitBytes: device.gpu.limits.maxBufferSize,
    matrixBytes: 4 * size * size,
    errors,
    ...(tf ? { tfjs: await besideTfjs(device, objective.plan, tf, { inputs, ours, turns }) } : {}),
  };
}

/** The objective of one size on the GPU, verified. */
interface OpenObjective extends ObjectiveOnGpu {
  readonly inputs: Inputs;
  readonly ours: Results;
  readonly errors: LargeObjective['errors'];
  time(options: TimingOptions): Promise<PlanTiming>;
}

/** @throws Error where a result is wrong. */
export async function openObjective(
  device: Device,
  { size, dims }: { readonly size: number; readonly dims: number },
): Promise<OpenObjective> {
  const some = range(SAMPLED).map((i) => Math.floor((i * (size - 1)) / (SAMPLED - 1)));
  const smallInputs = makeInputs(300, 500, dims);
  using small = await onGpu(device, smallInputs);
  const everything = { rows: range(300), columns: range(500) };
  const ofSmall = check('300 × 500', differences(smallInputs, await small.results(), everything));

  const inputs = makeInputs(size, size, dims);
  const made = await onGpu(device, inputs);
  try {
    const ours = await made.results();
    const found = differences(inputs, ours, { rows: some, columns: some });
    const { objective: _, ...sampled } = check(`${size} × ${size}`, { ...found, objective: 0 }); // J needs all pairs
    return {
      ...made,
      inputs,
      ours,
      errors: { small: ofSmall, large: sampled },
      time: (options) => timePlan(device, made.plan, options),
    };
  } catch (error) {
    made[Symbol.dispose]();
    throw error;
  }
}

/** Both in turn, once all of tfjs's results were held against ours. */
async function besideTfjs(
  device: Device,
  plan: TimedPlan,
  tf: Tfjs,
  { inputs, ours, turns }: { readonly inputs: Inputs; readonly ours: Results; readonly turns: number },
): Promise<NonNullable<LargeObjective['tfjs']>> {
  using theirs = tfjsObjective(tf, inputs, lambdaOf(inputs.d));
  const found = await theirs.evaluate();
  const { n, m } = inputs;
  const { objective, penalty, meanCriticReal, meanCriticFake } = ours.scalars;
  const scaled = (of: Float32Array, by: number): Float64Array => Float64Array.from(of, (g) => g * by);
  const errors = check('tfjs against ours', {
    objective:
      Math.abs((found.objective[0] as number) - objective) /
      (Math.abs(penalty) + Math.abs(meanCriticReal) + Math.abs(meanCriticFake)),
    gradCriticReal: furthest(scaled(found.gradCriticReal, n), scaled(ours.gradCriticReal, n)),
    gradCriticFake: furthest(scaled(found.gradCriticFake, m), scaled(ours.gradCriticFake, m)),
    gradFake:
      furthest(scaled(found.gradFake, m), scaled(ours.gradFake, m)) /
      ours.gradFake.reduce((most, g) => Math.max(most, Math.abs(g * m)), 0),
  });
  const runOurs = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) plan.run([{ phase: 'once' }]);
    await device.idle();
  };
  const { medianMs, turnsMs } = await interleave(
    [
      { name: 'ours', run: runOurs },
      { name: 'tfjs', run: (count) => theirs.run(count) },
    ],
    { turns, turnMs: 200 },
  );
  const [oursMs, tfjsMs] = medianMs;
  return {
    oursMs,
    tfjsMs,
    ratio: tfjsMs / oursMs,
    turns: { oursMs: turnsMs[0], tfjsMs: turnsMs[1] },
    errors,
  };
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Standard normal samples; critics such that p is of the order of 1 and varies. */
function makeInputs(n: number, m: number, d: number): Inputs {
  const normals = (count: number, row: number, scale: number, mean = 0): Float32Array<ArrayBuffer> =>
    Float32Array.from(threefryNormals(count, [5, 6], row), (z) => mean + scale * z);
  return {
    n,
    m,
    d,
    real: normals(n * d, 0, 1),
    fake: normals(m * d, 1, 1),
    criticReal: normals(n, 2, 0.2 * lambdaOf(d), d + lambdaOf(d)),
    criticFake: normals(m, 3, 0.2 * lambdaOf(d)),
  };
}

/** Inputs on the GPU and the plan over them. */
interface ObjectiveOnGpu extends Disposable {
  readonly plan: TimedPlan;
  readonly recording: Recording;
  readonly gpuBytes: number;
  /** Runs the plan once and reads what it made. */
  readonly results: () => Promise<Results>;
}

async function onGpu(device: Device, inputs: Inputs): Promise<ObjectiveOnGpu> {
  const { n, m, d } = inputs;
  const shapes = { real: [n, d], fake: [m, d], criticReal: [n], criticFake: [m] } as const;
  const names = Object.keys(shapes) as (keyof typeof shapes)[];
  const graph = new Graph();
  const input = (name: keyof typeof shapes): Tensor =>
    graph.external(name, shapes[name], { buffer: name, offset: 0 });
  const pairs = {
    real: input('real'),
    fake: input('fake'),
    criticReal: input('criticReal'),
    criticFake: input('criticFake'),
    cost: 'half-squared',
    form: 'exp',
    lambda: lambdaOf(d),
  } as const;
  const { scalars, gradCriticReal, gradCriticFake } = entropicObjective(graph, { ...pairs, sign: 1 });
  const gradFake = entropicObjectiveGradient(graph, { ...pairs, scalars });
  const outputs = [scalars, gradCriticReal, gradCriticFake, gradFake];
  const { recording, slot } = schedule(graph, targetOf(device), outputs);

  const before = device.liveBytes;
  const owned = names.map((name) => device.storageOf(name, inputs[name]));
  const free = (): void => {
    for (const buffer of owned) buffer.dispose();
  };
  try {
    const externals = Object.fromEntries(names.map((name, i) => [name, (owned[i] as OwnedBuffer).buffer]));
    const plan = await timedPlan(device, recording, externals);
    const read = async (tensor: Tensor): Promise<Float32Array> => {
      const { buffer, offset } = plan.view(slot(tensor));
      return device.readFloats(buffer, offset, sizeOf(tensor.shape));
    };
    return {
      plan,
      recording,
      gpuBytes: device.liveBytes - before,
      async results() {
        plan.run([{ phase: 'once' }]);
        return {
          scalars: decodeObjectiveScalars(await read(scalars)),
          gradCriticReal: await read(gradCriticReal),
          gradCriticFake: await read(gradCriticFake),
          gradFake: await read(gradFake),
        };
      },
      [Symbol.dispose]() {
        plan.dispose();
        free();
      },
    };
  } catch (error) {
    free();
    throw error;
  }
}

/**
 * How far results are from the float64 twin, at some rows (data) and columns (generated samples). In the exp form p_ij
 * depends on its pair only, so a row or column can be had without the others; J counts where all rows are given.
 */
function differences(
  inputs: Inputs,
  got: Results,
  { rows, columns }: { readonly rows: readonly number[]; readonly columns: readonly number[] },
): Errors {
  const { n, m, d, real, fake, criticReal, criticFake } = inputs;
  const twin = { d, cost: 'half-squared', form: 'exp', lambda: lambdaOf(d) } as const;
  const exactly = (x: number): number => x;
  const ofRows = {
    ...twin,
    n: rows.length,
    m,
    real: pick(real, rows, d),
    fake,
    criticReal: pick(criticReal, rows, 1),
    criticFake,
  };
  const ofColumns = {
    ...twin,
    n,
    m: columns.length,
    real,
    fake: pick(fake, columns, d),
    criticReal,
    criticFake: pick(criticFake, columns, 1),
  };
  const byRow = objectiveTwin(ofRows, exactly);
  const byColumn = objectiveTwin(ofColumns, exactly);
  const gradFake = gradientTwin(ofColumns, byColumn.p, exactly);
  const { objective, penalty, meanCriticReal, meanCriticFake } = byRow;
  // The twin's gradients are of means over the rows or columns given; times n or m they do not depend on how many.
  return {
    objective:
      Math.abs(got.scalars.objective - objective) /
      (Math.abs(penalty) + Math.abs(meanCriticReal) + Math.abs(meanCriticFake)),
    gradCriticReal: furthest(
      pick(got.gradCriticReal, rows, 1).map((g) => g * n),
      byRow.gradCriticReal.map((g) => g * rows.length),
    ),
    gradCriticFake: furthest(
      pick(got.gradCriticFake, columns, 1).map((g) => g * m),
      byColumn.gradCriticFake.map((g) => g * columns.length),
    ),
    gradFake:
      furthest(
        pick(got.gradFake, columns, d).map((g) => g * m),
        gradFake.map((g) => g * columns.length),
      ) / gradFake.reduce((most, g) => Math.max(most, Math.abs(g * columns.length)), 0),
  };
}

/** The given rows of a matrix of this width. */
function pick(matrix: Float32Array, rows: readonly number[], width: number): Float64Array {
  const picked = new Float64Array(rows.length * width);
  rows.forEach((row, i) => picked.set(matrix.subarray(row * width, (row + 1) * width), i * width));
  return picked;
}

function furthest(a: Float64Array, b: Float64Array): number {
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0);
}

function check(where: string, errors: Errors): Errors {
  for (const name of Object.keys(ALLOWED) as (keyof Errors)[]) {
    if (!(errors[name] <= ALLOWED[name]))
      throw new Error(
        `bench: ${name} of ${where} is off by ${errors[name].toExponential(2)}, allowed ${ALLOWED[name]}; no timing of a wrong result`,
      );
  }
  return errors;
}
