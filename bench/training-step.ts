/** Ours against tfjs on one training step: verified from the same start, then timed in turn. */
import type { Dataset } from '../src/data/dataset.ts';
import type { Device } from '../src/gpu/device.ts';
import type { KernelProfile } from '../src/gpu/profiler.ts';
import { Trainer } from '../src/gan/trainer.ts';
import { adapterName } from './adapter.ts';
import { type CallCounts, countCalls } from './count-calls.ts';
import { interleave } from './interleave.ts';
import type { Tfjs, TfjsBackend } from './tfjs/backend.ts';
import { type TfjsGan, disposeStep, tfjsGan } from './tfjs/gan.ts';
import { GradientsDiffer, type StepAgreement, tfjsBatch, verifyStep } from './verify-step.ts';
import { stepFlops } from './step-flops.ts';
import { LAMBDA, OPTIMISER, SEED, type Workload, trainerOptions, workloadData } from './workload.ts';

export interface StepTiming {
  /** Of the networks. */
  readonly name: string;
  readonly batch: number;
  readonly gflop: number;
  readonly agreement: StepAgreement;
  /** Draws of weights and data that it took until the gradients agreed: see `GradientsDiffer`. */
  readonly draws: number;
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
  const { trainer, gan, agreement, draws } = await agreeing(device, tf, workload, batch, data);
  try {
    const sizes = { batch, latent: workload.model.latent, seed: trainer.settings.seed };
    const inputs = tfjsBatch(tf, data, sizes, 0);
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
      draws,
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
    gan[Symbol.dispose]();
  }
}

/** Draws that are tried. */
const MOST_DRAWS = 8;

/** Our trainer and tfjs's model, of the first draw on which a step of one is a step of the other. */
async function agreeing(
  device: Device,
  tf: Tfjs,
  workload: Workload,
  batch: number,
  data: Dataset,
): Promise<{
  readonly trainer: Trainer;
  readonly gan: TfjsGan;
  readonly agreement: StepAgreement;
  readonly draws: number;
}> {
  for (let draw = 0; ; draw++) {
    const trainer = await Trainer.create(device, trainerOptions(workload, batch, SEED + draw));
    let gan: TfjsGan | undefined;
    try {
      const start = await trainer.checkpoint();
      gan = tfjsGan(tf, workload.model, start.model, { lambda: LAMBDA, optimiser: OPTIMISER });
      return { trainer, gan, agreement: await verifyStep(trainer, start, gan, tf, data), draws: draw + 1 };
    } catch (error) {
      trainer.dispose();
      gan?.[Symbol.dispose]();
      if (!(error instanceof GradientsDiffer) || draw + 1 === MOST_DRAWS) throw error;
    }
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
