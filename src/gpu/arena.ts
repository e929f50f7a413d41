/**
 * Places the temporaries of a plan in a few shared buffers. Two slots share bytes only if their lifetimes are apart;
 * a slot that a dispatch reads and one that it writes never share a buffer, since WebGPU forbids reading and writing
 * one buffer in a dispatch even at disjoint offsets.
 */
import { kernelDefinition } from './kernel.ts';
import { type Recording, type Slot, lifetimes } from './recording.ts';

/** WebGPU's default `minStorageBufferOffsetAlignment`. */
const ALIGNMENT = 256;

export interface ArenaLayout {
  /** Size in bytes of each shared buffer. */
  readonly buffers: readonly number[];
  readonly places: ReadonlyMap<Slot, { readonly buffer: number; readonly offset: number }>;
  /** Sum of all temporaries without sharing, to compare with the sum of `buffers`. */
  readonly unsharedBytes: number;
}

/** Lays out the temporaries of several recordings that run one at a time, one after the other. */
export function layOutArena(recordings: readonly Recording[], maxBufferBytes: number): ArenaLayout {
  interface Piece {
    slot: Slot;
    recording: number;
    first: number;
    last: number;
    bytes: number;
    buffer: number;
    offset: number;
  }
  const pieces: Piece[] = [];
  const conflicts = new Map<Slot, Set<Slot>>();
  recordings.forEach((recording, index) => {
    for (const [slot, { first, last }] of lifetimes(recording)) {
      const bytes = Math.max(ALIGNMENT, Math.ceil(slot.bytes / ALIGNMENT) * ALIGNMENT);
      pieces.push({ slot, recording: index, first, last, bytes, buffer: -1, offset: 0 });
      conflicts.set(slot, new Set());
    }
    for (const dispatch of recording.dispatches) {
      const { bindings } = kernelDefinition(dispatch.kernel);
      const used = bindings.map((b) => ({ access: b.access, slot: dispatch.bindings[b.name] as Slot }));
      for (const a of used) {
        for (const b of used) {
          if (a.access !== b.access && !a.slot.external && !b.slot.external)
            conflicts.get(a.slot)?.add(b.slot);
        }
      }
    }
  });

  const placed: Piece[] = [];
  const colour = new Map<Slot, number>();
  for (const piece of [...pieces].sort((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const forbidden = new Set([...(conflicts.get(piece.slot) ?? [])].map((slot) => colour.get(slot)));
    for (let buffer = 0; ; buffer++) {
      if (forbidden.has(buffer)) continue;
      const offset = firstGap(
        placed.filter((other) => other.buffer === buffer && overlaps(other, piece)),
        piece.bytes,
      );
      if (offset + piece.bytes > maxBufferBytes && offset > 0) continue;
      piece.buffer = buffer;
      piece.offset = offset;
      break;
    }
    colour.set(piece.slot, piece.buffer);
    placed.push(piece);
  }
  const buffers: number[] = [];
  for (const piece of placed)
    buffers[piece.buffer] = Math.max(buffers[piece.buffer] ?? 0, piece.offset + piece.bytes);
  return {
    buffers: Array.from(buffers, (bytes) => bytes ?? ALIGNMENT),
    places: new Map(placed.map((p) => [p.slot, { buffer: p.buffer, offset: p.offset }])),
    unsharedBytes: pieces.reduce((sum, p) => sum + p.bytes, 0),
  };
}

function overlaps(
  a: { recording: number; first: number; last: number },
  b: { recording: number; first: number; last: number },
): boolean {
  return a.recording === b.recording && a.first <= b.last && b.first <= a.last;
}

/** The lowest offset at which `bytes` fit between the given pieces. */
function firstGap(taken: readonly { offset: number; bytes: number }[], bytes: number): number {
  let offset = 0;
  for (const piece of [...taken].sort((a, b) => a.offset - b.offset)) {
    if (offset + bytes <= piece.offset) return offset;
    offset = Math.max(offset, piece.offset + piece.bytes);
  }
  return offset;
}
