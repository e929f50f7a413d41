/** Training with everything around it: progress, metrics, checkpoints, sample grids, and an orderly end. */
import type { Dataset } from '../data/dataset.ts';
import { UserError } from '../gpu/errors.ts';
import type { RunPlan } from '../gan/checkpoint.ts';
import type { Model } from '../gan/model.ts';
import type { Objective } from '../gan/settings.ts';
import type { Trainer, TrainingReport } from '../gan/trainer.ts';
import { type Output, table } from './output.ts';
import { type RunFolder, appendReport, save } from './run-folder.ts';
import { isImage, writeGrid } from './sample-grid.ts';

/** Images in a sample grid. */
const GRID_COUNT = 64;
/** Milliseconds between updates of the progress bar. */
const PROGRESS_MS = 500;

/**
 * Trains until `plan.steps`, saving on the way, at the end and when the signal aborts.
 * @returns the model; the run was interrupted where its steps are fewer than the plan's.
 * @throws UserError where the objective is no longer finite, naming the checkpoint that is left.
 */
export async function trainInto(
  folder: RunFolder,
  trainer: Trainer,
  dataset: Dataset,
  plan: RunPlan,
  output: Output,
  signal: AbortSignal,
): Promise<Model> {
  const { steps, reportEvery, checkpointEvery } = plan;
  const bar = output.progress('training', steps, trainer.steps);
  let remark: string | undefined;
  const ticking = setInterval(() => bar.update(trainer.steps, remark), PROGRESS_MS);
  let savedAt = trainer.steps > 0 ? trainer.steps : undefined;
  try {
    for (;;) {
      // In stretches from checkpoint to checkpoint: each has its reports on disk before it.
      const goal = Math.min(steps, (Math.floor(trainer.steps / checkpointEvery) + 1) * checkpointEvery);
      for await (const report of trainer.run(dataset, { steps: goal, reportEvery, signal })) {
        await appendReport(folder, report);
        output.record(report);
        remark = remarkOf(report, trainer.settings.objective);
        bar.update(report.step, remark);
      }
      const checkpoint = { ...(await trainer.checkpoint()), plan };
      await save(folder, checkpoint);
      savedAt = trainer.steps;
      if (signal.aborted) return checkpoint.model;
      const { sample } = trainer.settings.model;
      if (isImage(sample))
        await writeGrid(folder.samples(trainer.steps), {
          data: await trainer.sample(GRID_COUNT, { seed: trainer.settings.seed }),
          shape: [GRID_COUNT, ...sample],
        });
      if (trainer.steps >= steps) return checkpoint.model;
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const left =
      savedAt === undefined
        ? 'no checkpoint had been written yet'
        : `the last good checkpoint is ${folder.checkpoint}, of step ${savedAt}`;
    throw new UserError(`${error.message}; ${left}`, { cause: error });
  } finally {
    clearInterval(ticking);
    bar.stop();
  }
}

/** What the progress bar says of a report: λ and the transport cost are the entropic objective's alone. */
function remarkOf({ lambda, objective, transportCost, penalty }: TrainingReport, name: Objective): string {
  const value = `J ${objective.toPrecision(4)}`;
  if (name === 'entropic') return `λ ${lambda}  ${value}  transport ${transportCost.toPrecision(4)}`;
  return name === 'wgan-gp' ? `${value}  penalty ${penalty.toPrecision(4)}` : value;
}

/** GPU time per kernel, as a table. */
export function profileTable(trainer: Trainer): string {
  return table([
    ['kernel', 'calls', 'ms', 'GFLOP/s', 'GB/s', '% of step'],
    ...trainer
      .profile()
      .map(({ kernel, calls, gpuMs, gflops, gigabytes, share }) => [
        kernel,
        calls,
        gpuMs.toFixed(1),
        gflops.toFixed(2),
        gigabytes.toFixed(2),
        (share * 100).toFixed(1),
      ]),
  ]);
}
