/** Verifies every kernel case against its float64 twin, in every variant that the device can run, and times those that are right. */
import type { Device, OwnedBuffer } from '../src/gpu/device.ts';
import type { Target } from '../src/gpu/target.ts';
import type { KernelCase } from '../test/support/case.ts';
import { expectationOf, recordCase, variantsOf, verifyCase } from '../test/support/verify.ts';
import { type PlanTiming, timePlan, timedPlan } from './time-plan.ts';
import type { TimingOptions } from './training-step.ts';

export interface CaseResult {
  /** `matmul/odd-sizes` and the like. */
  readonly name: string;
  readonly kernels: readonly string[];
  /** Largest error, as a share of what is allowed. */
  readonly errorShare: number;
  readonly problems: readonly string[];
  readonly timing?: PlanTiming;
  /** Of the case, as its dispatches state them. */
  readonly flops: number;
  readonly bytes: number;
}

/** All results of one table. Cases that are too large for the device's adapter are left out. */
export async function runCases(
  device: Device,
  stem: string,
  cases: readonly KernelCase[],
  options: TimingOptions,
): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const kernelCase of cases) {
    if (kernelCase.hardwareOnly && device.adapter.kind !== 'hardware') continue;
    const expected = expectationOf(kernelCase);
    for (const target of variantsOf(device, kernelCase)) {
      const { kernels, worst, allowance, problems } = await verifyCase(device, kernelCase, target, expected);
      const { dispatches } = recordCase(kernelCase, target).recording;
      const timed = problems.length === 0 && kernelCase.bench !== false;
      results.push({
        name: `${stem}/${kernelCase.name}`,
        kernels,
        errorShare: worst === 0 ? 0 : worst / allowance,
        problems,
        ...(timed ? { timing: await timeCase(device, kernelCase, target, options) } : {}),
        flops: dispatches.reduce((sum, call) => sum + call.flops, 0),
        bytes: dispatches.reduce((sum, call) => sum + call.bytes, 0),
      });
    }
  }
  return results;
}

async function timeCase(
  device: Device,
  kernelCase: KernelCase,
  target: Target,
  options: TimingOptions,
): Promise<PlanTiming> {
  const owned: Record<string, OwnedBuffer> = {};
  try {
    for (const [name, { data }] of Object.entries(kernelCase.inputs))
      owned[name] = device.storageOf(name, data);
    const externals = Object.fromEntries(Object.entries(owned).map(([name, { buffer }]) => [name, buffer]));
    using plan = await timedPlan(device, recordCase(kernelCase, target).recording, externals);
    return await timePlan(device, plan, options);
  } finally {
    for (const buffer of Object.values(owned)) buffer.dispose();
  }
}
