/**
 * A Recording: work described as data, before there is a GPU to run it on. Dispatches in order, over slots of memory
 * that are either named buffers somebody else owns or temporaries whose lifetime follows from their use.
 */
import type { AnyKernelCall } from './kernel.ts';

/** A piece of memory. Temporaries get a place in the plan's arena; `external` ones live in the buffer of that name. */
export interface Slot {
  readonly label: string;
  readonly bytes: number;
  readonly external?: { readonly buffer: string; readonly offset: number };
}

export interface Recording {
  readonly dispatches: readonly AnyKernelCall<Slot>[];
  /** Temporaries that must still hold their values when the recording has run (what is read back). */
  readonly kept: readonly Slot[];
}

/** First and last dispatch that touches each temporary slot of a recording. */
export function lifetimes(recording: Recording): Map<Slot, { first: number; last: number }> {
  const found = new Map<Slot, { first: number; last: number }>();
  recording.dispatches.forEach((dispatch, index) => {
    for (const slot of Object.values(dispatch.bindings)) {
      if (slot.external) continue;
      const life = found.get(slot);
      if (life) life.last = index;
      else found.set(slot, { first: index, last: index });
    }
  });
  for (const slot of recording.kept) {
    const life = found.get(slot);
    if (life) life.last = recording.dispatches.length;
  }
  return found;
}

/** The recording as a table for people: one line a dispatch. */
export function printRecording(recording: Recording): string {
  return recording.dispatches
    .map((d, i) => {
      const bindings = Object.entries(d.bindings).map(([name, slot]) => `${name}=${slot.label}`);
      return `${String(i).padStart(3)} ${d.kernel.padEnd(24)} ${d.label.padEnd(32)} [${d.workgroups.join(',')}] ${bindings.join(' ')}`;
    })
    .join('\n');
}
