/**
 * Times two ways of doing the same in turn, A B A B …, so that what else the machine does falls on both, and gives the
 * medians. Each turn repeats its side until it lasts long enough for a clock; the first turns, where pipelines are
 * compiled and caches fill, are not counted.
 */

export interface Contender {
  readonly name: string;
  /** Does it `count` times and resolves when the last is done. */
  readonly run: (count: number) => Promise<void>;
}

export interface Interleaved {
  /** Milliseconds for one, by contender: median, and all turns. */
  readonly medianMs: readonly [number, number];
  readonly turnsMs: readonly [readonly number[], readonly number[]];
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export async function interleave(
  contenders: readonly [Contender, Contender],
  { turns, turnMs }: { readonly turns: number; readonly turnMs: number },
): Promise<Interleaved> {
  const timed = async ({ run }: Contender, count: number): Promise<number> => {
    const start = performance.now();
    await run(count);
    return (performance.now() - start) / count;
  };
  const counts: number[] = [];
  for (const contender of contenders) {
    await timed(contender, 1);
    let once = await timed(contender, 1);
    if (once < turnMs / 10) once = await timed(contender, Math.ceil(turnMs / 10 / once));
    counts.push(Math.max(1, Math.round(turnMs / once)));
  }
  const turnsMs: [number[], number[]] = [[], []];
  for (let turn = 0; turn < turns; turn++) {
    for (const side of [0, 1] as const)
      turnsMs[side].push(await timed(contenders[side], counts[side] as number));
  }
  return { turnsMs, medianMs: [median(turnsMs[0]), median(turnsMs[1])] };
}
