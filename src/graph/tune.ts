/**
 * Finds the fastest of the kernels that can run a graph's nodes, by timing them on the device. Each shape is scheduled alone,
 * once for each candidate, on temporaries of its own; samples are taken in turn. The default stays unless another is at least 5 %
 * faster both by the median and by the least of its samples, so that noise seldom changes anything.
 */
import type { Device } from '../gpu/device.ts';
import type { KernelName } from '../gpu/kernel.ts';
import { Plan, SUBMIT_FLOPS, compile } from '../gpu/plan.ts';
import type { Recording } from '../gpu/recording.ts';
import type { Target } from '../gpu/target.ts';
import type { Shape } from './candidates.ts';
import { Graph, type Tensor } from './graph.ts';
import { schedule } from './schedule.ts';

/** Samples of a candidate, the fewest where a run is long; how long a sample should take, and most runs that one is made of. */
const [ROUNDS, FEWEST_ROUNDS, SAMPLE_MS, MOST_REPEATS] = [5, 3, 4, 64];
/** Milliseconds of samples of a candidate, beyond which there are fewer. */
const SAMPLED_MS = 60;
/** A candidate is chosen below this share of the default's times; one that takes so many times as long when warm is not sampled. */
const [CHOSEN_BELOW, HOPELESS_ABOVE] = [0.95, 1.3];

export interface Tuned {
  /** The name of the fastest candidate of each shape that was timed, by key. */
  readonly choices: Readonly<Record<string, string>>;
  /** Shapes that there was no time for. */
  readonly left: number;
  readonly tookMs: number;
}

/**
 * Times the candidates of shapes. First those that need no compiling, which on software adapters takes a second a kernel, and of
 * them, and of the others, those with the most operations. None is begun that those before it say would end after the budget;
 * a compilation that has not ended by then is no longer waited for.
 */
export async function tune(
  device: Device,
  shapes: readonly Shape[],
  target: Target,
  budgetMs: number,
): Promise<Tuned> {
  const clock = new Clock(budgetMs, 1000 / SUBMIT_FLOPS[device.adapter.kind]);
  const ordered = shapes
    .map((shape) => trialsOf(shape, target))
    .map((trials) => ({ trials, compiled: uncompiled(device, trials).length === 0 }))
    .sort((a, b) => Number(b.compiled) - Number(a.compiled) || b.trials.flops - a.trials.flops);
  const choices: Record<string, string> = {};
  for (const { trials } of ordered) {
    const fastest = await race(device, trials, clock);
    if (fastest !== undefined) choices[trials.key] = fastest;
  }
  return { choices, left: shapes.length - Object.keys(choices).length, tookMs: clock.elapsedMs };
}

/** The dispatches of a shape by each of its candidates, the default first. */
interface Trials {
  readonly key: string;
  readonly recordings: Readonly<Record<string, Recording>>;
  readonly flops: number;
}

function trialsOf({ node, candidates: { key, variants } }: Shape, target: Target): Trials {
  const graph = new Graph();
  graph.nodes.push(node);
  const recordings = Object.fromEntries(
    [...variants.keys()].map((name) => {
      const forced = { ...target, variants: { [key]: name } };
      return [name, schedule(graph, forced, [node.outputs[0] as Tensor]).recording];
    }),
  );
  const [first] = Object.values(recordings) as [Recording];
  return { key, recordings, flops: first.dispatches.reduce((sum, { flops }) => sum + flops, 0) };
}

/** The kernels of the trials whose pipelines the device does not have. */
function uncompiled(device: Device, { recordings }: Trials): KernelName[] {
  return Object.values(recordings)
    .flatMap(({ dispatches }) => dispatches)
    .filter((call) => !device.hasPipeline(call.kernel, call.overrides, call.constants))
    .map(({ kernel }) => kernel);
}

/** What has been spent, and what the shapes so far say of those to come. */
class Clock {
  readonly #started = performance.now();
  readonly #budgetMs: number;
  /** The longest that a pipeline of a kernel took to compile. */
  readonly #compileMs = new Map<KernelName, number>();
  /** How long an operation of the shape before took in its slowest candidate. */
  msPerFlop: number;

  constructor(budgetMs: number, msPerFlop: number) {
    this.#budgetMs = budgetMs;
    this.msPerFlop = msPerFlop;
  }

  get elapsedMs(): number {
    return performance.now() - this.#started;
  }

  get leftMs(): number {
    return this.#budgetMs - this.elapsedMs;
  }

  compileMs(kernels: readonly KernelName[]): number {
    return kernels.reduce((sum, kernel) => sum + (this.#compileMs.get(kernel) ?? 0), 0);
  }

  compiled(kernels: readonly KernelName[], tookMs: number): void {
    for (const kernel of kernels)
      this.#compileMs.set(kernel, Math.max(this.#compileMs.get(kernel) ?? 0, tookMs / kernels.length));
  }
}

/** The name of the fastest candidate; undefined where there is not time enough to say. */
async function race(device: Device, trials: Trials, clock: Clock): Promise<string | undefined> {
  const { recordings, flops } = trials;
  const names = Object.keys(recordings);
  const raceMs = (count: number, runMs: number): number =>
    count * Math.max(ROUNDS * SAMPLE_MS, roundsOf(runMs) * runMs);
  const compiling = uncompiled(device, trials);
  if (clock.compileMs(compiling) + raceMs(names.length, flops * clock.msPerFlop) > clock.leftMs)
    return undefined;
  if (compiling.length > 0) {
    const begun = performance.now();
    if (!(await endsWithin(clock.leftMs, compile(device, Object.values(recordings))))) return undefined;
    clock.compiled(compiling, performance.now() - begun);
  }
  using plan = await Plan.create(device, recordings, {}, { phasesPerRun: 1 });
  const run = async (phase: string, repeats = 1): Promise<number> => {
    const from = performance.now();
    plan.run(Array.from({ length: repeats }, () => ({ phase })));
    await device.idle();
    return (performance.now() - from) / repeats;
  };
  const warm: { readonly name: string; readonly ms: number }[] = [];
  for (const name of names) {
    const slowestMs = Math.max(0, ...warm.map(({ ms }) => ms));
    if (raceMs(warm.length + 1, slowestMs) > clock.leftMs) return undefined;
    await run(name);
    warm.push({ name, ms: await run(name) });
  }
  clock.msPerFlop = Math.max(...warm.map(({ ms }) => ms)) / flops;
  const [first] = warm as [(typeof warm)[number]];
  const repeats = Math.max(1, Math.min(MOST_REPEATS, Math.round(SAMPLE_MS / first.ms)));
  const samples = new Map<string, number[]>();
  for (const { name, ms } of warm) if (ms <= HOPELESS_ABOVE * first.ms) samples.set(name, []);
  if (samples.size === 1) return first.name;
  for (let round = 0; round < roundsOf(first.ms); round++)
    for (const [name, taken] of samples) taken.push(await run(name, repeats));
  const results = [...samples].map(([name, taken]) => ({
    name,
    ms: median(taken),
    leastMs: Math.min(...taken),
  }));
  const fastest = results.reduce((best, other) => (other.ms < best.ms ? other : best));
  const { name, ms, leastMs } = results[0] as (typeof results)[number];
  const isFaster = fastest.ms < CHOSEN_BELOW * ms && fastest.leastMs < CHOSEN_BELOW * leastMs;
  return isFaster ? fastest.name : name;
}

const roundsOf = (runMs: number): number =>
  Math.max(FEWEST_ROUNDS, Math.min(ROUNDS, Math.floor(SAMPLED_MS / runMs)));

/** Whether a promise is kept within a time. */
async function endsWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}
