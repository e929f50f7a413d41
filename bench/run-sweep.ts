/**
 * Times the points of a sweep in turn, smallest to largest and over again, so that what else the machine does falls on all, and
 * states how its cost grows.
 */
import type { Device } from '../src/gpu/device.ts';
import { median } from './interleave.ts';
import { logSlope } from './slope.ts';
import type { FigureName, OpenPoint, Sweep } from './sweeps.ts';

export interface TimedPoint {
  readonly x: number;
  readonly label: string;
  /** Median milliseconds of one, and every turn. */
  readonly ms: number;
  readonly turnsMs: readonly number[];
  readonly bytes?: number;
}

export interface TimedSweep {
  readonly figure: FigureName;
  readonly name: string;
  readonly expected: 1 | null;
  /** The slope of log cost over log size; docs/performance.md. */
  readonly slope: number;
  readonly points: readonly TimedPoint[];
}

/** A turn of a point lasts about this long, or as long as one takes. */
const TURN_MS = 300;
/** Points are not timed again that have been timed for this long. */
const ENOUGH_MS = 20_000;

/** @throws Error where a point gives a wrong result. */
export async function runSweep(device: Device, sweep: Sweep, turns: number): Promise<TimedSweep> {
  const opened: OpenPoint[] = [];
  try {
    for (const point of sweep.points) opened.push(await point.open(device));
    const timed = sweep.points.map(() => [] as number[]);
    const spent = sweep.points.map(() => 0);
    for (let turn = 0; turn < turns; turn++)
      for (const [i, { run }] of opened.entries()) {
        const known = timed[i]?.[0];
        if ((spent[i] as number) > ENOUGH_MS) continue;
        const count = known === undefined ? 1 : Math.max(1, Math.round(TURN_MS / known));
        const start = performance.now();
        await run(count);
        const took = performance.now() - start;
        spent[i] = (spent[i] as number) + took;
        timed[i]?.push(took / count);
      }
    const points = sweep.points.map(({ x, label }, i): TimedPoint => {
      const all = timed[i] as number[];
      const bytes = opened[i]?.bytes;
      // The first turn warms up, where there is another.
      const turnsMs = all.length > 1 ? all.slice(1) : all;
      return { x, label, ms: median(turnsMs), turnsMs, ...(bytes === undefined ? {} : { bytes }) };
    });
    const { figure, name, expected } = sweep;
    return { figure, name, expected, slope: logSlope(points.map(({ x, ms }) => [x, ms])), points };
  } finally {
    for (const point of opened) point[Symbol.dispose]();
  }
}
