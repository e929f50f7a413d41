/** A sweep as text: its points, and how the cost grows. */
import { table } from './output.ts';
import type { TimedSweep } from './run-sweep.ts';
import { AXES } from './sweeps.ts';

export function printSweep({ figure, name, expected, slope, points }: TimedSweep): string {
  const withBytes = points.some(({ bytes }) => bytes !== undefined);
  return [
    `${figure}, ${name}: time over ${AXES[figure]} has the slope ${slope.toFixed(3)}${expected === null ? '' : ` (proportional: ${expected})`}`,
    table(
      ['', 'ms', 'lowest to highest', ...(withBytes ? ['MiB on the GPU'] : [])],
      points.map(({ label, ms, turnsMs, bytes }) => [
        label,
        ms.toFixed(2),
        `${Math.min(...turnsMs).toFixed(2)}–${Math.max(...turnsMs).toFixed(2)}`,
        ...(bytes === undefined ? [] : [(bytes / 2 ** 20).toFixed(2)]),
      ]),
    ),
  ].join('\n');
}
