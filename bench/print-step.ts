/** A timed training step, and a profile of ours, as text. */
import type { KernelProfile } from '../src/gpu/profiler.ts';
import { table } from './output.ts';
import type { StepTiming } from './training-step.ts';

export function printStep({
  name,
  batch,
  gflop,
  agreement,
  draws,
  ratio,
  ours,
  tfjs,
  oursMs,
  tfjsMs,
}: StepTiming): string {
  const row = (name: string, ms: number, calls: { dispatches: number; submits: number }, buffers: number) => [
    name,
    ms.toFixed(2),
    (gflop / (ms / 1000)).toFixed(2),
    count(calls.dispatches),
    count(calls.submits),
    count(buffers),
  ];
  return [
    `${name}, batch ${batch}: one critic and one generator update, ${gflop.toFixed(3)} GFLOP`,
    `verified: J within ${agreement.objective.toExponential(1)}, gradients ${agreement.gradient.toExponential(1)}, updates ${agreement.update.toExponential(1)} (relative)${draws > 1 ? `, on draw ${draws} of weights and data` : ''}`,
    table(
      ['', 'ms/step', 'GFLOP/s', 'dispatches', 'submits', 'new buffers'],
      [row('entropic-gan', oursMs, ours, ours.newBuffers), row('tfjs-webgpu', tfjsMs, tfjs, tfjs.buffers)],
    ),
    `ratio ${ratio.toFixed(2)}×`,
  ].join('\n');
}

/** A whole number, or a mean with one digit. */
function count(calls: number): string {
  return Number.isInteger(calls) ? String(calls) : calls.toFixed(1);
}

export function printProfile(profile: readonly KernelProfile[]): string {
  return table(
    ['kernel', 'calls', 'GPU ms', 'GFLOP/s', 'GB/s', '%'],
    profile.map(({ kernel, calls, gpuMs, gflops, gigabytes, share }) => [
      kernel,
      String(calls),
      gpuMs.toFixed(2),
      gflops.toFixed(2),
      gigabytes.toFixed(2),
      (100 * share).toFixed(1),
    ]),
  );
}
