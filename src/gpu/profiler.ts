/** GPU timestamps per dispatch, summed per kernel: calls, milliseconds, GFLOP/s, GB/s, share of the whole. */
import { type Device, type OwnedBuffer, GPU_MAP_READ, GPU_READBACK } from './device.ts';
import { UserError } from './errors.ts';
import type { AnyKernelCall } from './kernel.ts';
import type { Slot } from './recording.ts';

/** Timestamp queries in one set, by WebGPU's limit. */
const QUERIES = 4096;
const GPU_QUERY_RESOLVE = 0x200;
const GPU_COPY_SRC = 0x4;

export interface KernelProfile {
  readonly kernel: string;
  readonly calls: number;
  readonly gpuMs: number;
  /** Arithmetic rate in GFLOP/s and memory rate in GB/s, from the counts that the dispatches state. */
  readonly gflops: number;
  readonly gigabytes: number;
  /** Share of the total, 0..1. */
  readonly share: number;
}

export class Profiler implements Disposable {
  readonly #device: Device;
  readonly #set: GPUQuerySet;
  readonly #resolved: OwnedBuffer;
  readonly #staging: OwnedBuffer;
  #pending: AnyKernelCall<Slot>[] = [];
  readonly #totals = new Map<string, { calls: number; gpuMs: number; flops: number; bytes: number }>();

  /** @throws UserError where the device has no timestamp queries. */
  constructor(device: Device) {
    if (!device.gpu.features.has('timestamp-query'))
      throw new UserError('profile: this adapter has no timestamp queries; run without profiling');
    this.#device = device;
    this.#set = device.gpu.createQuerySet({ type: 'timestamp', count: QUERIES });
    this.#resolved = device.buffer('profile.resolved', QUERIES * 8, GPU_QUERY_RESOLVE | GPU_COPY_SRC);
    this.#staging = device.buffer('profile.staging', QUERIES * 8, GPU_READBACK);
  }

  /** Dispatches that still fit before `collect` must be called. */
  get room(): number {
    return QUERIES / 2 - this.#pending.length;
  }

  /** The descriptor of the pass that holds the next dispatch. */
  next(call: AnyKernelCall<Slot>): GPUComputePassDescriptor {
    const index = this.#pending.length * 2;
    if (index + 2 > QUERIES)
      throw new Error('profile: too many dispatches in one run; collect() between runs');
    this.#pending.push(call);
    return {
      label: call.label,
      timestampWrites: {
        querySet: this.#set,
        beginningOfPassWriteIndex: index,
        endOfPassWriteIndex: index + 1,
      },
    };
  }

  /** Encodes the copies of the times taken so far. */
  resolve(encoder: GPUCommandEncoder): void {
    const count = this.#pending.length * 2;
    if (count === 0) return;
    encoder.resolveQuerySet(this.#set, 0, count, this.#resolved.buffer, 0);
    encoder.copyBufferToBuffer(this.#resolved.buffer, 0, this.#staging.buffer, 0, count * 8);
  }

  /** Waits for the run that was just submitted and adds its times to the totals. */
  async collect(): Promise<void> {
    const calls = this.#pending;
    if (calls.length === 0) return;
    this.#pending = [];
    await this.#device.whileAlive(this.#staging.buffer.mapAsync(GPU_MAP_READ, 0, calls.length * 16));
    const times = new BigUint64Array(this.#staging.buffer.getMappedRange(0, calls.length * 16).slice(0));
    this.#staging.buffer.unmap();
    calls.forEach((call, i) => {
      const total = this.#totals.get(call.kernel) ?? { calls: 0, gpuMs: 0, flops: 0, bytes: 0 };
      total.calls++;
      total.gpuMs += Number((times[2 * i + 1] ?? 0n) - (times[2 * i] ?? 0n)) / 1e6;
      total.flops += call.flops;
      total.bytes += call.bytes;
      this.#totals.set(call.kernel, total);
    });
  }

  /** The totals, the most expensive kernel first. */
  table(): KernelProfile[] {
    const all = [...this.#totals.values()].reduce((sum, t) => sum + t.gpuMs, 0);
    return [...this.#totals]
      .map(([kernel, t]) => ({
        kernel,
        calls: t.calls,
        gpuMs: t.gpuMs,
        gflops: t.flops / t.gpuMs / 1e6,
        gigabytes: t.bytes / t.gpuMs / 1e6,
        share: t.gpuMs / all,
      }))
      .sort((a, b) => b.gpuMs - a.gpuMs);
  }

  dispose(): void {
    this.#set.destroy();
    this.#resolved.dispose();
    this.#staging.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}
