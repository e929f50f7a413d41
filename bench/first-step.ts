/** From opening a device to the objective of the first training step, ours and tfjs's, each on a device of its own. */
import { Trainer } from '../src/gan/trainer.ts';
import { openDevice } from '../src/node/open-device.ts';
import { startTfjs } from './tfjs/backend.ts';
import { disposeStep, tfjsGan } from './tfjs/gan.ts';
import { tfjsBatch } from './verify-step.ts';
import { LAMBDA, OPTIMISER, SEED, type Workload, trainerOptions, workloadData } from './workload.ts';

export interface FirstStep {
  /** Milliseconds. */
  readonly oursMs: number;
  readonly tfjsMs: number;
}

/** Both one after the other, in a process that has opened no device yet. */
export async function timeFirstStep(workload: Workload, batch: number): Promise<FirstStep> {
  const data = workloadData();
  let began = performance.now();
  using device = await openDevice();
  using trainer = await Trainer.create(device, trainerOptions(workload, batch));
  for await (const report of trainer.run(data, { steps: 1, reportEvery: 1 })) void report;
  const oursMs = performance.now() - began;
  const start = await trainer.checkpoint();
  began = performance.now();
  using backend = await startTfjs();
  using gan = tfjsGan(backend.tf, workload.model, start.model, { lambda: LAMBDA, optimiser: OPTIMISER });
  const inputs = tfjsBatch(backend.tf, data, { batch, latent: workload.model.latent, seed: SEED }, 0);
  disposeStep(gan.criticStep(inputs));
  const last = gan.generatorStep(inputs);
  await last.objective.data();
  return { oursMs, tfjsMs: performance.now() - began };
}
