/**
 * A Plan: recordings ("phases") made executable. Pipelines, bind groups, one arena for the temporaries and the static
 * params are built once; a run encodes any sequence of phases into one command buffer and one submit, and uploads only
 * the params that change from step to step.
 */
import { type ArenaLayout, layOutArena } from './arena.ts';
import { type Device, type OwnedBuffer, type Pipeline, GPU_UNIFORM } from './device.ts';
import { UserError } from './errors.ts';
import { type AnyKernelCall, type KernelDefinition, kernelDefinition } from './kernel.ts';
import { type Recording, type Slot, checkRecording } from './recording.ts';
import { Profiler } from './profiler.ts';

/** WebGPU's default `minUniformBufferOffsetAlignment`: the distance between params blocks. */
const BLOCK = 256;

/** Operations in one submit at most, about a second's: browsers end those that run for seconds. */
export const SUBMIT_FLOPS = { software: 2e9, hardware: 4e12 };

interface Step {
  readonly call: AnyKernelCall<Slot>;
  readonly definition: KernelDefinition;
  readonly pipeline: Pipeline;
  readonly group: GPUBindGroup;
  /** Offset in the static params, or index among the phase's blocks that change per step. */
  readonly staticOffset: number;
  readonly blockIndex: number;
}

interface Phase {
  readonly steps: readonly Step[];
  readonly blocks: number;
  readonly flops: number;
}

/** One phase of a run, the values of its step params, and what to encode before it and once it is done: copies in and out. */
export interface PhaseRun<P extends string> {
  readonly phase: P;
  readonly values?: Readonly<Record<string, number>>;
  readonly before?: (encoder: GPUCommandEncoder) => void;
  readonly after?: (encoder: GPUCommandEncoder) => void;
}

export interface PlanOptions {
  /** The params blocks of this many phases fit in one run. Default 256. */
  readonly phasesPerRun?: number;
  /** Times every dispatch, in a pass of its own. */
  readonly profiler?: Profiler;
}

/** The pipelines of recordings, a dispatch each in order: those that the device has not yet are compiled side by side. */
export function compile(device: Device, recordings: readonly Recording[]): Promise<Pipeline[]> {
  return Promise.all(
    recordings.flatMap(({ dispatches }) =>
      dispatches.map((call) => device.pipeline(call.kernel, call.overrides, call.constants)),
    ),
  );
}

export class Plan<P extends string> implements Disposable {
  readonly layout: ArenaLayout;
  readonly #device: Device;
  readonly #phases: ReadonlyMap<P, Phase>;
  readonly #arena: readonly OwnedBuffer[];
  readonly #stepParams: OwnedBuffer;
  readonly #stepBytes: Uint8Array<ArrayBuffer>;
  readonly #stepView: DataView;
  readonly #profiler: Profiler | undefined;
  readonly #views: ReadonlyMap<Slot, { buffer: GPUBuffer; offset: number }>;
  #disposed = false;

  private constructor(parts: {
    device: Device;
    layout: ArenaLayout;
    phases: ReadonlyMap<P, Phase>;
    arena: readonly OwnedBuffer[];
    stepParams: OwnedBuffer;
    views: ReadonlyMap<Slot, { buffer: GPUBuffer; offset: number }>;
    profiler: Profiler | undefined;
  }) {
    this.layout = parts.layout;
    this.#device = parts.device;
    this.#phases = parts.phases;
    this.#arena = parts.arena;
    this.#stepParams = parts.stepParams;
    this.#stepBytes = new Uint8Array(parts.stepParams.bytes);
    this.#stepView = new DataView(this.#stepBytes.buffer);
    this.#views = parts.views;
    this.#profiler = parts.profiler;
  }

  /**
   * Builds a plan.
   * @param phases recordings by name; they run one at a time, in any order, and share the arena.
   * @param externals the buffers that the recordings' external slots name; they stay their owners'.
   */
  static async create<P extends string>(
    device: Device,
    phases: Readonly<Record<P, Recording>>,
    externals: Readonly<Record<string, GPUBuffer>> = {},
    options: PlanOptions = {},
  ): Promise<Plan<P>> {
    const names = Object.keys(phases) as P[];
    const recordings = names.map((name) => phases[name]);
    for (const recording of recordings) checkRecording(recording);
    const layout = layOutArena(recordings, device.gpu.limits.maxStorageBufferBindingSize);
    const calls = recordings.flatMap((recording) => recording.dispatches);
    for (const call of calls) {
      checkGrid(device, call);
      checkSizes(device, call);
    }
    const pipelines = await compile(device, recordings);
    const arena: OwnedBuffer[] = [];
    try {
      layout.buffers.forEach((bytes, i) => arena.push(device.storage(`arena.${i}`, bytes)));
      const views = new Map<Slot, { buffer: GPUBuffer; offset: number }>();
      for (const [slot, place] of layout.places)
        views.set(slot, { buffer: (arena[place.buffer] as OwnedBuffer).buffer, offset: place.offset });
      const viewOf = (slot: Slot): { buffer: GPUBuffer; offset: number } => {
        let view = views.get(slot);
        if (!view) {
          const buffer = slot.external && externals[slot.external.buffer];
          if (!buffer)
            throw new Error(`plan: ${slot.label} names the unknown buffer ${slot.external?.buffer}`);
          view = { buffer, offset: slot.external.offset };
          views.set(slot, view);
        }
        return view;
      };

      const staticBytes = new Uint8Array(Math.max(1, calls.length) * BLOCK);
      const staticView = new DataView(staticBytes.buffer);
      const blocksOf = recordings.map((r) => r.dispatches.filter(isStepped).length);
      const staticParams = device.buffer('params.static', staticBytes.byteLength, GPU_UNIFORM);
      arena.push(staticParams);
      const capacity = Math.max(1, ...blocksOf) * (options.phasesPerRun ?? 256);
      const stepParams = device.buffer('params.step', capacity * BLOCK, GPU_UNIFORM);
      arena.push(stepParams);

      const built = new Map<P, Phase>();
      let callIndex = 0;
      names.forEach((name, phaseIndex) => {
        let block = 0;
        const steps = (recordings[phaseIndex] as Recording).dispatches.map((call): Step => {
          const definition = kernelDefinition(call.kernel);
          const pipeline = pipelines[callIndex] as Pipeline;
          const stepped = isStepped(call);
          const staticOffset = callIndex * BLOCK;
          callIndex++;
          if (!stepped) writeParams(staticView, staticOffset, definition, call, {});
          device.counters.bindGroups++;
          const group = device.gpu.createBindGroup({
            label: call.label,
            layout: pipeline.layout,
            entries: [
              {
                binding: 0,
                resource: {
                  buffer: (stepped ? stepParams : staticParams).buffer,
                  size: definition.paramsBytes,
                },
              },
              ...definition.bindings.map((binding, i) => {
                const slot = call.bindings[binding.name] as Slot;
                const view = viewOf(slot);
                return { binding: i + 1, resource: { ...view, size: Math.ceil(slot.bytes / 4) * 4 } };
              }),
            ],
          });
          return { call, definition, pipeline, group, staticOffset, blockIndex: stepped ? block++ : -1 };
        });
        const flops = steps.reduce((sum, { call }) => sum + call.flops, 0);
        built.set(name, { steps, blocks: block, flops });
      });
      device.upload(staticParams.buffer, 0, staticBytes);
      const plan = new Plan<P>({
        device,
        layout,
        phases: built,
        arena,
        stepParams,
        views,
        profiler: options.profiler,
      });
      device.check();
      return plan;
    } catch (error) {
      for (const owned of arena) owned.dispose();
      throw error;
    }
  }

  /** Bytes of GPU memory that this plan owns: arena and params. */
  get bytes(): number {
    return this.#arena.reduce((sum, owned) => sum + owned.bytes, 0);
  }

  /** Dispatches of one pass through a phase. */
  dispatchesOf(phase: P): number {
    return this.#phaseOf(phase).steps.length;
  }

  /** Arithmetic operations of one pass through a phase. */
  flopsOf(phase: P): number {
    return this.#phaseOf(phase).flops;
  }

  /** Where a slot of the recordings lies on the GPU, for copies. */
  view(slot: Slot): { buffer: GPUBuffer; offset: number } {
    const view = this.#views.get(slot);
    if (!view) throw new Error(`plan: ${slot.label} is not used by any dispatch`);
    return view;
  }

  /**
   * Runs phases in order: one upload of their params, one command buffer, one submit; more submits where one would take
   * longer than about a second. Does not wait.
   */
  run(sequence: readonly PhaseRun<P>[]): void {
    if (this.#disposed) throw new UserError('plan: used after dispose(); build a new one');
    const device = this.#device;
    device.check();
    let used = 0;
    let encoder = device.gpu.createCommandEncoder();
    let pass: GPUComputePassEncoder | undefined;
    const full: GPUCommandBuffer[] = [];
    let flops = 0;
    for (const { phase: name, values = {}, before, after } of sequence) {
      const phase = this.#phaseOf(name);
      if (before) {
        pass?.end();
        pass = undefined;
        before(encoder);
      }
      if ((used + phase.blocks) * BLOCK > this.#stepBytes.byteLength)
        throw new Error(
          `plan: ${sequence.length} phases in one run exceed its params block; raise phasesPerRun`,
        );
      for (const step of phase.steps) {
        flops += step.call.flops;
        if (flops > SUBMIT_FLOPS[device.adapter.kind]) {
          flops = step.call.flops;
          pass?.end();
          pass = undefined;
          full.push(encoder.finish());
          encoder = device.gpu.createCommandEncoder();
        }
        let offset = step.staticOffset;
        if (step.blockIndex >= 0) {
          offset = (used + step.blockIndex) * BLOCK;
          writeParams(this.#stepView, offset, step.definition, step.call, values);
        }
        if (this.#profiler) pass = encoder.beginComputePass(this.#profiler.next(step.call));
        else pass ??= encoder.beginComputePass();
        pass.setPipeline(step.pipeline.pipeline);
        pass.setBindGroup(0, step.group, [offset]);
        pass.dispatchWorkgroups(...step.call.workgroups);
        if (this.#profiler) {
          pass.end();
          pass = undefined;
        }
      }
      used += phase.blocks;
      if (after) {
        pass?.end();
        pass = undefined;
        after(encoder);
      }
    }
    pass?.end();
    this.#profiler?.resolve(encoder);
    if (used > 0) device.upload(this.#stepParams.buffer, 0, this.#stepBytes.subarray(0, used * BLOCK));
    for (const commands of [...full, encoder.finish()]) device.submit([commands]);
  }

  #phaseOf(name: P): Phase {
    const phase = this.#phases.get(name);
    if (!phase) throw new Error(`plan: there is no phase ${name}`);
    return phase;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const owned of this.#arena) owned.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** @throws UserError where a dispatch has more workgroups along an axis than the device takes. */
function checkGrid(device: Device, { label, kernel, workgroups }: AnyKernelCall<Slot>): void {
  const most = device.gpu.limits.maxComputeWorkgroupsPerDimension;
  if (Math.max(...workgroups) > most)
    throw new UserError(
      `${label}: ${kernel} needs [${workgroups.join(', ')}] workgroups, the device takes ${most} along an axis; use a smaller batch, or fewer rows at a time`,
    );
}

/** @throws UserError where a dispatch reads or writes more than the device binds at once. */
function checkSizes(device: Device, { label, kernel, bindings }: AnyKernelCall<Slot>): void {
  const most = device.gpu.limits.maxStorageBufferBindingSize;
  const slot = Object.values(bindings).find(({ bytes }) => bytes > most);
  if (slot)
    throw new UserError(
      `${label}: ${kernel} takes ${slot.label} of ${slot.bytes} bytes, the device binds ${most} at most; use a smaller batch, smaller layers, or fewer rows at a time`,
    );
}

function isStepped(call: AnyKernelCall<Slot>): boolean {
  return Object.values(call.params).some((value) => typeof value !== 'number');
}

function writeParams(
  view: DataView,
  offset: number,
  definition: KernelDefinition,
  call: AnyKernelCall<Slot>,
  values: Readonly<Record<string, number>>,
): void {
  for (const member of definition.params) {
    const given = call.params[member.name];
    const value = typeof given === 'object' ? values[given.step] : given;
    if (value === undefined)
      throw new Error(`plan: ${call.label} (${call.kernel}) lacks the value of param ${member.name}`);
    if (member.type === 'f32') view.setFloat32(offset + member.offset, value, true);
    else if (member.type === 'u32') view.setUint32(offset + member.offset, value, true);
    else view.setInt32(offset + member.offset, value, true);
  }
}
