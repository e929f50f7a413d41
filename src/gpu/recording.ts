/**
 * A Recording: work described as data, before there is a GPU to run it on. Dispatches in order, over slots of memory
 * that are either named buffers somebody else owns or temporaries whose lifetime follows from their use.
 */
import { type AnyKernelCall, kernelDefinition } from './kernel.ts';

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

/**
 * Checks that every dispatch has all of its bindings and reads none of the memory that it writes, which WebGPU forbids.
 * @throws Error naming the dispatch: a recording is made by code, so that this is a fault in it.
 */
export function checkRecording(recording: Recording): void {
  for (const { kernel, label, bindings } of recording.dispatches) {
    const used = kernelDefinition(kernel).bindings.map(({ name, access }) => {
      const slot = bindings[name];
      if (!slot) throw new Error(`recording: ${label} (${kernel}) lacks the binding ${name}`);
      return { access, slot, memory: slot.external?.buffer ?? slot };
    });
    for (const written of used.filter(({ access }) => access === 'read_write')) {
      if (used.some(({ access, memory }) => access === 'read' && memory === written.memory))
        throw new Error(`recording: ${label} (${kernel}) reads and writes ${written.slot.label}`);
    }
  }
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
