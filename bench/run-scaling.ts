/** All sweeps of an adapter, or those of some figures: timed, printed, and drawn where a folder is given. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Device } from '../src/gpu/device.ts';
import { adapterName } from './adapter.ts';
import { printSweep } from './print-sweep.ts';
import { type TimedSweep, runSweep } from './run-sweep.ts';
import { scalingFigure } from './scaling-figure.ts';
import { FIGURES, type FigureName, sweepsFor } from './sweeps.ts';

export interface ScalingOptions {
  /** Default all. */
  readonly only?: readonly FigureName[];
  /** Times that each point is timed at most; the first warms up. */
  readonly turns: number;
  /** Where scaling-<figure>.svg go; undefined: nowhere. */
  readonly figures: string | undefined;
  readonly print: (text: string) => void;
}

/** @throws Error where a point gives a wrong result. */
export async function runScaling(
  device: Device,
  { only = FIGURES, turns, figures, print }: ScalingOptions,
): Promise<TimedSweep[]> {
  const sweeps: TimedSweep[] = [];
  for (const sweep of sweepsFor(device.adapter.kind)) {
    if (!only.includes(sweep.figure)) continue;
    const timed = await runSweep(device, sweep, turns);
    print(`\n${printSweep(timed)}`);
    sweeps.push(timed);
  }
  if (figures) {
    await mkdir(figures, { recursive: true });
    for (const figure of only) {
      const own = sweeps.filter((sweep) => sweep.figure === figure);
      const path = join(figures, `scaling-${figure}.svg`);
      await writeFile(path, await scalingFigure(figure, own, `${figure}, ${adapterName(device.adapter)}`));
      print(`wrote ${path}`);
    }
  }
  return sweeps;
}
