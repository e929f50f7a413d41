/**
 * Runs a kernel case on a device and holds it against its float64 twin:
 *   - every output within the allowance: 4 × the error of the twin rounded to float32, plus 4 ulp, unless the case says
 *     otherwise and why;
 *   - the same bits when run again;
 *   - guard words behind everything that is written untouched. Every slot of the recording gets a buffer of its own, and a
 *     binding that reaches over the guard, so that a stray write lands there instead of being dropped at the binding's
 *     end; all of it starts as NaN, so that what is read before it is written shows as well;
 *   - no buffer left behind.
 */
import { readdirSync } from 'node:fs';
import type { Device, OwnedBuffer } from '../../src/gpu/device.ts';
import { type KernelName, kernelDefinition } from '../../src/gpu/kernel.ts';
import { Plan } from '../../src/gpu/plan.ts';
import type { Recording, Slot } from '../../src/gpu/recording.ts';
import { PRECISIONS, type Target, hasHalves, targetOf } from '../../src/gpu/target.ts';
import { Graph, type Tensor } from '../../src/graph/graph.ts';
import { schedule } from '../../src/graph/schedule.ts';
import type { KernelCase, Round } from './case.ts';

/** How far one output, or one named quantity of it, is from the twin, and how far it may be. */
export interface Agreement {
  readonly output: string;
  readonly worst: number;
  readonly allowance: number;
}

export interface Verification {
  readonly case: string;
  /** The kernels that ran, in order, each once. */
  readonly kernels: readonly KernelName[];
  readonly agreements: readonly Agreement[];
  /** The agreement nearest to its allowance, or furthest beyond it. */
  readonly worst: number;
  readonly allowance: number;
  readonly ok: boolean;
  /** What is wrong, one line each. */
  readonly problems: readonly string[];
}

/** The twin's answer, and the error that float32 may make of it, an output or quantity at a time. */
export interface Expectation {
  readonly values: Readonly<Record<string, ArrayLike<number>>>;
  readonly allowances: Readonly<Record<string, readonly { readonly name: string; readonly size: number }[]>>;
}

const SENTINEL_WORDS = 64;
/** Quiet NaNs, each with a payload of its own, so that one that arithmetic passed on from elsewhere shows as well. */
const sentinelOf = (slot: number, word: number): number =>
  (0x7fc00000 | (((slot + 1) * 0x1003 + word) & 0x3fffff)) >>> 0;
const DEFAULT_ALLOWANCE = { factor: 4, ulps: 4 };
const exactly: Round = (x) => x;

/** All case tables: op stem → cases. */
export async function discoverCases(): Promise<Map<string, readonly KernelCase[]>> {
  const folder = new URL('../cases/', import.meta.url);
  const stems = readdirSync(folder)
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.slice(0, -3))
    .sort();
  const found = new Map<string, readonly KernelCase[]>();
  for (const stem of stems) {
    const table = (await import(new URL(`${stem}.ts`, folder).href)) as { cases: readonly KernelCase[] };
    found.set(stem, table.cases);
  }
  return found;
}

/** The size of one unit in the last place of a float32 of this magnitude. */
export function ulpOf(x: number): number {
  return 2 ** (Math.floor(Math.log2(Math.max(Math.abs(x), 2 ** -126))) - 23);
}

/** Runs the twin in float64 and rounded. */
export function expectationOf(kernelCase: KernelCase): Expectation {
  const values = kernelCase.reference(exactly);
  const rounded = kernelCase.reference(Math.fround);
  const { factor, ulps } = kernelCase.allowance ?? DEFAULT_ALLOWANCE;
  const terms = kernelCase.termsOf?.(values) ?? {};
  const allowances: Record<string, { name: string; size: number }[]> = {};
  for (const [output, exact] of Object.entries(values)) {
    allowances[output] = pieces(kernelCase, output).map(({ name, from, step }) => {
      let error = 0;
      let largest = terms[name] ?? 0;
      for (let i = from; i < exact.length; i += step) {
        const difference = Math.abs((rounded[output] as ArrayLike<number>)[i]! - exact[i]!);
        if (!(difference <= error)) error = difference;
        largest = Math.max(largest, Math.abs(exact[i]!));
      }
      return { name, size: factor * error + ulps * ulpOf(largest) };
    });
  }
  return { values, allowances };
}

/** The parts of an output that are compared together: all of it, or a quantity in each of its rows. */
function pieces(
  { quantities }: KernelCase,
  output: string,
): readonly { name: string; from: number; step: number }[] {
  const names = quantities?.[output];
  return (
    names?.map((name, from) => ({ name: `${output}.${name}`, from, step: names.length })) ?? [
      { name: output, from: 0, step: 1 },
    ]
  );
}

/** The graph of a case, and its outputs by name. */
function graphOf(kernelCase: KernelCase): { graph: Graph; built: [string, Tensor][] } {
  const graph = new Graph();
  const tensors: Record<string, Tensor> = {};
  for (const [name, { data, shape }] of Object.entries(kernelCase.inputs))
    tensors[name] = graph.external(
      name,
      shape,
      { buffer: name, offset: 0 },
      data instanceof Uint32Array ? 'u32' : 'f32',
    );
  return { graph, built: Object.entries(kernelCase.build(graph, tensors)) };
}

/** The dispatches of a case on a target, and the slots of its outputs. */
export function recordCase(
  kernelCase: KernelCase,
  target: Target,
): { recording: Recording; outputs: Readonly<Record<string, { tensor: Tensor; slot: Slot }>> } {
  const { graph, built } = graphOf(kernelCase);
  const { recording, slot } = schedule(
    graph,
    target,
    built.map(([, tensor]) => tensor),
  );
  return {
    recording,
    outputs: Object.fromEntries(built.map(([name, tensor]) => [name, { tensor, slot: slot(tensor) }])),
  };
}

/** What runs mixed precision. */
export const MIXED_TARGET: Target = {
  adapter: 'hardware',
  features: new Set(['subgroups', 'shader-f16', 'chromium-experimental-subgroup-matrix']),
  subgroupSize: 32,
  precision: 'mixed',
};

/**
 * The targets that make this device run a case through different kernels: its own first, then what other adapters would
 * run of it that this one can.
 */
export function variantsOf(device: Device, kernelCase: KernelCase): Target[] {
  const own = targetOf(device);
  const plain = new Set([...own.features].filter((feature) => feature !== 'subgroups'));
  const mixed: Target = { ...own, precision: 'mixed' };
  const halvesOnly = new Set([...own.features].filter((feature) => !feature.endsWith('subgroup-matrix')));
  const candidates: Target[] = [
    own,
    { adapter: 'hardware', features: plain },
    { adapter: 'software', features: plain },
    mixed,
    { ...mixed, features: halvesOnly },
  ];
  return distinct(kernelCase, candidates);
}

/** Those, and the device's own target, also in mixed precision, with each of the kernels in turn that may be chosen in the place of the default. */
export function choicesOf(device: Device, kernelCase: KernelCase): Target[] {
  const chosen = PRECISIONS.flatMap((precision): Target[] => {
    const own = targetOf(device, precision);
    const all = graphOf(kernelCase).graph.nodes.flatMap((node) => node.op.candidates?.(node, own) ?? []);
    const most = Math.max(1, ...all.map(({ variants }) => variants.size));
    return Array.from({ length: most - 1 }, (_, i) => {
      const choices = all.map(({ key, variants }) => [key, [...variants.keys()][i + 1] ?? ''] as const);
      return { ...own, variants: Object.fromEntries(choices) };
    });
  });
  return distinct(kernelCase, [...variantsOf(device, kernelCase), ...chosen]);
}

/** A target that has the first kernel of such a name on record for every shape of a case that has one. */
export function choosing(kernelCase: KernelCase, target: Target, named: RegExp): Target {
  const candidates = graphOf(kernelCase).graph.nodes.flatMap(
    (node) => node.op.candidates?.(node, target) ?? [],
  );
  const choices = candidates.flatMap(({ key, variants }) => {
    const name = [...variants.keys()].find((one) => named.test(one));
    return name === undefined ? [] : [[key, name] as const];
  });
  return { ...target, variants: Object.fromEntries(choices) };
}

/** The first of the targets on which a case runs the same dispatches. */
function distinct(kernelCase: KernelCase, targets: readonly Target[]): Target[] {
  const seen = new Set<string>();
  return targets.filter((target) => {
    const runs = JSON.stringify(
      recordCase(kernelCase, target).recording.dispatches.map((d) => [
        d.kernel,
        d.constants,
        d.overrides,
        d.workgroups,
      ]),
    );
    return !seen.has(runs) && seen.add(runs);
  });
}

/**
 * Verifies one case.
 * @param target chooses the kernels; default the device's own.
 * @param expected the twin's answer, where it is at hand already.
 */
export async function verifyCase(
  device: Device,
  kernelCase: KernelCase,
  target: Target = targetOf(device),
  expected: Expectation = expectationOf(kernelCase),
): Promise<Verification> {
  const { recording, outputs } = recordCase(kernelCase, target);
  const liveBefore = device.liveBuffers;
  const problems: string[] = [];
  const [first, second] = await runTwice(device, kernelCase, recording, problems);
  if (device.liveBuffers !== liveBefore)
    problems.push(`${device.liveBuffers - liveBefore} buffers were left behind`);

  const halves = hasHalves(target) ? halfErrors(kernelCase, expected) : undefined;
  const agreements: Agreement[] = [];
  for (const [name, { tensor, slot }] of Object.entries(outputs)) {
    const words = first.get(slot);
    const again = second.get(slot);
    const exact = expected.values[name];
    if (!words || !again || !exact) {
      problems.push(`${name} is ${exact ? 'never written' : 'not among what the twin gives'}`);
      continue;
    }
    const different = words.findIndex((word, i) => word !== again[i]);
    if (different >= 0) problems.push(`${name}[${different}] has other bits when run again`);
    const got = tensor.type === 'u32' ? words : new Float32Array(words.buffer);
    if (got.length !== exact.length && !kernelCase.quantities?.[name])
      problems.push(`${name} has ${got.length} values, the twin's ${exact.length}`);
    pieces(kernelCase, name).forEach((piece, index) => {
      const size = expected.allowances[name]![index]!.size + (halves?.[name]?.[index] ?? 0);
      let worst = 0;
      let at = piece.from;
      for (let i = piece.from; i < exact.length; i += piece.step) {
        const error = Math.abs(got[i]! - exact[i]!);
        if (error <= worst) continue;
        worst = Number.isNaN(error) ? Infinity : error;
        at = i;
        if (worst === Infinity) break;
      }
      agreements.push({ output: piece.name, worst, allowance: size });
      if (worst > size)
        problems.push(
          `${piece.name}[${(at - piece.from) / piece.step}] is ${got[at]}, must be ${exact[at]}: off by ${worst.toExponential(2)}, allowed ${size.toExponential(2)}`,
        );
    });
  }
  const share = (a: Agreement): number => (a.worst === 0 ? 0 : a.worst / a.allowance);
  const nearest = agreements.reduce((a, b) => (share(b) > share(a) ? b : a), {
    output: '',
    worst: 0,
    allowance: 0,
  });
  return {
    case: kernelCase.name,
    kernels: [...new Set(recording.dispatches.map(({ kernel }) => kernel))],
    agreements,
    worst: nearest.worst,
    allowance: nearest.allowance,
    ok: problems.length === 0,
    problems,
  };
}

/**
 * What mixed precision, which rounds the factors of products to f16, may add to an allowance: the error of the twin with all of its
 * arithmetic rounded so.
 */
function halfErrors(kernelCase: KernelCase, { values }: Expectation): Record<string, number[]> {
  const rounded = kernelCase.reference(halfOf);
  return Object.fromEntries(
    Object.entries(values).map(([output, exact]) => [
      output,
      pieces(kernelCase, output).map(({ from, step }) => {
        let error = 0;
        for (let i = from; i < exact.length; i += step)
          error = Math.max(error, Math.abs(rounded[output]![i]! - exact[i]!));
        return error;
      }),
    ]),
  );
}

/** The nearest f16, with its subnormals. */
function halfOf(x: number): number {
  const step = 2 ** (Math.max(-14, Math.floor(Math.log2(Math.abs(x)))) - 10);
  return Number.isFinite(x) && x !== 0 ? Math.round(x / step) * step : x;
}

/** Runs a recording twice over guarded buffers; the words of every written slot, and what became of the guards. */
async function runTwice(
  device: Device,
  { inputs }: KernelCase,
  recording: Recording,
  problems: string[],
): Promise<[Map<Slot, Uint32Array>, Map<Slot, Uint32Array>]> {
  const guarded = new Map<Slot, Slot>();
  const written = new Set<Slot>();
  const buffers: Record<string, OwnedBuffer> = {};
  try {
    const dispatches = recording.dispatches.map((call) => {
      const bindings: Record<string, Slot> = {};
      for (const { name, access } of kernelDefinition(call.kernel).bindings) {
        const slot = call.bindings[name] as Slot;
        if (access === 'read_write') written.add(slot);
        let twin = guarded.get(slot);
        if (!twin) {
          const buffer = `${guarded.size}.${slot.label}`;
          twin = {
            label: slot.label,
            bytes: slot.bytes + 4 * SENTINEL_WORDS,
            external: { buffer, offset: 0 },
          };
          guarded.set(slot, twin);
          buffers[buffer] = device.storage(buffer, twin.bytes);
        }
        bindings[name] = twin;
      }
      return { ...call, bindings };
    });
    const bufferOf = (slot: Slot): GPUBuffer => buffers[slot.external!.buffer]!.buffer;
    using plan = await Plan.create(
      device,
      { once: { dispatches, kept: [] } },
      Object.fromEntries(Object.entries(buffers).map(([name, { buffer }]) => [name, buffer])),
    );
    const once = async (): Promise<Map<Slot, Uint32Array>> => {
      for (const [index, [slot, twin]] of [...guarded].entries()) {
        const words = Uint32Array.from({ length: twin.bytes / 4 }, (_, i) => sentinelOf(index, i));
        const data = slot.external && inputs[slot.external.buffer]?.data;
        if (data) words.set(new Uint32Array(data.buffer, data.byteOffset, data.length));
        device.upload(bufferOf(twin), 0, words);
      }
      plan.run([{ phase: 'once' }]);
      const results = new Map<Slot, Uint32Array>();
      for (const [index, [slot, twin]] of [...guarded].entries()) {
        if (!written.has(slot)) continue;
        const words = new Uint32Array(await device.read(bufferOf(twin), 0, twin.bytes));
        const end = slot.bytes / 4;
        const touched = words.subarray(end).findIndex((word, i) => word !== sentinelOf(index, end + i));
        if (touched >= 0) problems.push(`${slot.label} was written ${touched + 1} words past its end`);
        results.set(slot, words.slice(0, end));
      }
      return results;
    };
    return [await once(), await once()];
  } finally {
    for (const owned of Object.values(buffers)) owned.dispose();
  }
}
