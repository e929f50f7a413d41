/**
 * How long one pass through a recording takes: repeated inside one submit, warmed up, the median of several submits, by
 * GPU timestamps where the device has them and by the host's clock elsewhere.
 */
import { type Device, type OwnedBuffer, GPU_MAP_READ, GPU_READBACK } from '../src/gpu/device.ts';
import { type PhaseRun, Plan } from '../src/gpu/plan.ts';
import type { Recording } from '../src/gpu/recording.ts';
import { median } from './interleave.ts';

/** `nothing` has no dispatches: it carries the first timestamp. */
export type TimedPlan = Plan<'once' | 'nothing'>;

const MOST_REPEATS = 512;
const GPU_QUERY_RESOLVE = 0x200;
const GPU_COPY_SRC = 0x4;

export function timedPlan(
  device: Device,
  recording: Recording,
  externals: Readonly<Record<string, GPUBuffer>>,
): Promise<TimedPlan> {
  return Plan.create(device, { once: recording, nothing: { dispatches: [], kept: [] } }, externals, {
    phasesPerRun: MOST_REPEATS + 1,
  });
}

export interface PlanTiming {
  /** Milliseconds for one pass, the median over turns. */
  readonly ms: number;
  readonly repeats: number;
  readonly clock: 'gpu' | 'host';
}

/** @param turnMs about how long one submit should last; never fewer than one pass. */
export async function timePlan(
  device: Device,
  plan: TimedPlan,
  { turns, turnMs }: { readonly turns: number; readonly turnMs: number },
): Promise<PlanTiming> {
  using clock = device.gpu.features.has('timestamp-query') ? gpuClock(device) : hostClock(device);
  const timed = (repeats: number): Promise<number> => clock.measure(plan, repeats);
  const first = await timed(1);
  // The first pass warms up, unless it is so long that there is nothing to warm.
  const passes: number[] = first > 10 * turnMs ? [first] : [];
  let repeats = 1;
  if (passes.length === 0) {
    for (let once = await timed(1); repeats < MOST_REPEATS && once * repeats < turnMs / 2;) {
      repeats = Math.min(MOST_REPEATS, Math.max(2 * repeats, Math.floor(turnMs / once)));
      once = (await timed(repeats)) / repeats;
    }
  }
  while (passes.length < turns) passes.push((await timed(repeats)) / repeats);
  return { ms: median(passes), repeats, clock: clock.name };
}

interface Clock extends Disposable {
  readonly name: 'gpu' | 'host';
  /** Milliseconds of one submit with this many passes. */
  measure(plan: TimedPlan, repeats: number): Promise<number>;
}

function hostClock(device: Device): Clock {
  return {
    name: 'host',
    async measure(plan, repeats) {
      await device.idle();
      const start = performance.now();
      plan.run(Array.from({ length: repeats }, () => ({ phase: 'once' })));
      await device.idle();
      return performance.now() - start;
    },
    [Symbol.dispose]() {},
  };
}

/** Times by timestamps of two passes without dispatches, before and behind the work. */
function gpuClock(device: Device): Clock {
  const querySet = device.gpu.createQuerySet({ type: 'timestamp', count: 2 });
  const resolved: OwnedBuffer = device.buffer('clock.resolved', 16, GPU_QUERY_RESOLVE | GPU_COPY_SRC);
  const staging: OwnedBuffer = device.buffer('clock.staging', 16, GPU_READBACK);
  const stamp = (encoder: GPUCommandEncoder, index: number): void =>
    encoder.beginComputePass({ timestampWrites: { querySet, beginningOfPassWriteIndex: index } }).end();
  return {
    name: 'gpu',
    async measure(plan, repeats) {
      const runs: PhaseRun<'once' | 'nothing'>[] = [
        { phase: 'nothing', after: (encoder) => stamp(encoder, 0) },
        ...Array.from({ length: repeats }, () => ({ phase: 'once' }) as const),
        {
          phase: 'nothing',
          after(encoder) {
            stamp(encoder, 1);
            encoder.resolveQuerySet(querySet, 0, 2, resolved.buffer, 0);
            encoder.copyBufferToBuffer(resolved.buffer, 0, staging.buffer, 0, 16);
          },
        },
      ];
      plan.run(runs);
      await device.whileAlive(staging.buffer.mapAsync(GPU_MAP_READ));
      const [start = 0n, end = 0n] = new BigUint64Array(staging.buffer.getMappedRange().slice(0));
      staging.buffer.unmap();
      return Number(end - start) / 1e6;
    },
    [Symbol.dispose]() {
      querySet.destroy();
      resolved.dispose();
      staging.dispose();
    },
  };
}
