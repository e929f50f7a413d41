/**
 * Times several ways of doing the same in turn, A B A B …, so that what else the machine does falls on both, and gives the
 * medians. Each turn repeats its side until it lasts long enough for a clock; the first turns, where pipelines are
 * compiled and caches fill, are not counted.
 */

export interface Contender {
  readonly name: string;
  /** Does it `count` times and resolves when the last is done. */
  readonly run: (count: number) => Promise<void>;
}

/** Milliseconds for one, by contender: median, and all turns. */
export interface Interleaved<C extends readonly Contender[] = readonly [Contender, Contender]> {
  readonly medianMs: { readonly [K in keyof C]: number };
  readonly turnsMs: { readonly [K in keyof C]: readonly number[] };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export async function interleave<const C extends readonly Contender[]>(
  contenders: C,
  { turns, turnMs }: { readonly turns: number; readonly turnMs: number },
): Promise<Interleaved<C>> {
  const timed = async ({ run }: Contender, count: number): Promise<number> => {
    const start = performance.now();
    await run(count);
    return (performance.now() - start) / count;
  };
  const sides: { readonly contender: Contender; readonly count: number; readonly turnsMs: number[] }[] = [];
  for (const contender of contenders) {
    await timed(contender, 1);
    let once = await timed(contender, 1);
    if (once < turnMs / 10) once = await timed(contender, Math.ceil(turnMs / 10 / once));
    sides.push({ contender, count: Math.max(1, Math.round(turnMs / once)), turnsMs: [] });
  }
  for (let turn = 0; turn < turns; turn++)
    for (const { contender, count, turnsMs } of sides) turnsMs.push(await timed(contender, count));
  const all = sides.map(({ turnsMs }) => turnsMs);
  return { turnsMs: all, medianMs: all.map(median) } as unknown as Interleaved<C>;
}
