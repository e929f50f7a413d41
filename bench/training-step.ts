/** Ours against tfjs on one training step: verified from the same start, then timed in turn. */
import type { Device } from '../src/gpu/device.ts';
import type { KernelProfile } from '../src/gpu/profiler.ts';
import { Trainer } from '../src/gan/trainer.ts';
import { adapterName } from './adapter.ts';
import { type CallCounts, countCalls } from './count-calls.ts';
import { interleave } from './interleave.ts';
import type { TfjsBackend } from './tfjs/backend.ts';
import { disposeStep, tfjsGan } from './tfjs/gan.ts';
import { type StepAgreement, tfjsBatch, verifyStep } from './verify-step.ts';
import { stepFlops } from './step-flops.ts';
import { LAMBDA, OPTIMISER, type Workload, trainerOptions, workloadData } from './workload.ts';

export interface StepTiming {
  /** Of the networks. */
  readonly name: string;
  readonly batch: number;
  readonly gflop: number;
  readonly agreement: StepAgreement;
  /** Median milliseconds of one critic and one generator update. */
  readonly oursMs: number;
  readonly tfjsMs: number;
  /** tfjsMs / oursMs. */
  readonly ratio: number;
  readonly turns: { readonly oursMs: readonly number[]; readonly tfjsMs: readonly number[] };
  /** Calls for one step; ours are means over the timed steps. */
  readonly ours: { readonly dispatches: number; readonly submits: number; readonly newBuffers: number };
  readonly tfjs: CallCounts;
}

export interface TimingOptions {
  /** Turns of each side that are counted. */
  readonly turns: number;
  /** About how long a turn lasts. */
  readonly turnMs: number;
}

/** @throws Error where the two sides do not agree, or run on different adapters. */
export async function timeTrainingStep(
  device: Device,
  { tf, device: tfjsDevice, adapter }: TfjsBackend,
  workload: Workload,
  batch: number,
  options: TimingOptions,
): Promise<StepTiming> {
  const names = [adapterName(device.adapter), adapterName(adapter)];
  if (names[0] !== names[1]) throw new Error(`bench: ours runs on ${names[0]}, tfjs on ${names[1]}`);
  const data = workloadData();
  const trainer = await Trainer.create(device, trainerOptions(workload, batch));
  try {
    const start = await trainer.checkpoint();
    using gan = tfjsGan(tf, workload.model, start.model, { lambda: LAMBDA, optimiser: OPTIMISER });
    const agreement = await verifyStep(trainer, start, gan, tf, data);

    const inputs = tfjsBatch(tf, data, { batch, latent: workload.model.latent }, 0);
    const tfjsSteps = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        disposeStep(gan.criticStep(inputs));
        const last = gan.generatorStep(inputs);
        if (i === count - 1) await last.objective.data(); // as a loop that logs its loss
        disposeStep(last);
      }
      await tfjsDevice.queue.onSubmittedWorkDone();
    };
    const ourSteps = async (count: number): Promise<void> => {
      const steps = trainer.steps + count;
      for await (const report of trainer.run(data, { steps, reportEvery: steps })) void report;
      await device.idle();
    };
    await tfjsSteps(1);
    const tfjs = await countCalls(() => tfjsSteps(1));
    await ourSteps(2);
    const before = { ...device.counters, steps: trainer.steps };
    const { medianMs, turnsMs } = await interleave(
      [
        { name: 'ours', run: ourSteps },
        { name: 'tfjs', run: tfjsSteps },
      ],
      options,
    );
    const made = trainer.steps - before.steps;
    const dispatches = trainer.dispatches;
    inputs.real.dispose();
    inputs.latents.dispose();
    return {
      name: workload.name,
      batch,
      gflop: stepFlops(workload.model, batch) / 1e9,
      agreement,
      oursMs: medianMs[0],
      tfjsMs: medianMs[1],
      ratio: medianMs[1] / medianMs[0],
      turns: { oursMs: turnsMs[0], tfjsMs: turnsMs[1] },
      ours: {
        dispatches: dispatches ? dispatches.critic + dispatches.generator : Number.NaN,
        submits: (device.counters.submits - before.submits) / made,
        newBuffers: (device.counters.buffers - before.buffers) / made,
      },
      tfjs,
    };
  } finally {
    trainer.dispose();
  }
}

/** GPU time by kernel over `steps` iterations of ours, after as many to warm up. @throws UserError without timestamps. */
export async function profileStep(
  device: Device,
  workload: Workload,
  batch: number,
  steps: number,
): Promise<KernelProfile[]> {
  const data = workloadData();
  const trainer = await Trainer.create(device, trainerOptions(workload, batch), { profile: true });
  try {
    for await (const report of trainer.run(data, { steps, reportEvery: steps })) void report;
    return trainer.profile();
  } finally {
    trainer.dispose();
  }
}
