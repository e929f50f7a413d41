/**
 * One piece of GPU work at a time, the most urgent first. Work waits in a slot for its kind, where newer work takes its
 * place: after ten strokes of the pen the last drawing is scored, and nothing else.
 */

/** Kinds of work, the most urgent first. */
const SLOTS = ['model', 'latents', 'score', 'generate', 'samples', 'nearest', 'reference'] as const;
export type Slot = (typeof SLOTS)[number];

/** May be stopped by the signal and then be called again, so that it must begin anew each time. */
export type Work = (signal: AbortSignal) => Promise<void>;

export interface Lane {
  /** Puts work into its slot. Work under way that is as urgent or less is stopped, and goes on later unless it is superseded. */
  readonly put: (slot: Slot, work: Work) => void;
  /** Takes waiting work out of its slot, and stops it where it is under way. */
  readonly drop: (slot: Slot) => void;
  /** Takes no more work. */
  readonly stop: () => void;
}

export function createLane(onError: (error: unknown) => void): Lane {
  const waiting = new Map<Slot, Work>();
  let running: { readonly slot: Slot; readonly stop: AbortController; dropped: boolean } | undefined;
  let stopped = false;

  const run = async (): Promise<void> => {
    for (;;) {
      const slot = SLOTS.find((candidate) => waiting.has(candidate));
      if (!slot || stopped) break;
      const work = waiting.get(slot) as Work;
      waiting.delete(slot);
      const stop = new AbortController();
      running = { slot, stop, dropped: false };
      try {
        await work(stop.signal);
      } catch (error) {
        const wasStopped = stop.signal.aborted && error === stop.signal.reason;
        if (wasStopped && !running.dropped && !waiting.has(slot)) waiting.set(slot, work);
        if (!wasStopped && !stopped) onError(error);
      }
    }
    running = undefined;
  };

  return {
    put: (slot, work) => {
      if (stopped) return;
      waiting.set(slot, work);
      if (!running) void run();
      else if (SLOTS.indexOf(slot) <= SLOTS.indexOf(running.slot)) running.stop.abort();
    },
    drop: (slot) => {
      waiting.delete(slot);
      if (running?.slot !== slot) return;
      running.dropped = true;
      running.stop.abort();
    },
    stop: () => {
      stopped = true;
      waiting.clear();
    },
  };
}
