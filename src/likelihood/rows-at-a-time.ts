/** How many latents the networks take at a time, so that no binding is too large and no dispatch too long. */
import type { Device } from '../gpu/device.ts';
import type { Recording } from '../gpu/recording.ts';
import { isModelBuffer } from '../gan/resident-model.ts';

/** No activation grows beyond this; WebGPU's default limit of a binding is 128 MiB. */
const MOST_BYTES = 64 * 2 ** 20;
/** Arithmetic of one dispatch, to stay well under a second on a slow adapter of the kind; plans split submits between dispatches. */
const MOST_FLOPS = { software: 5e8, hardware: 1e11 };

/**
 * The most rows for a recording, judged by the one that `record` makes for `probe` rows: bytes and operations are taken to be
 * proportional to rows, but for the model's own weights.
 * @returns a multiple of `probe`, at least one of it.
 */
export function mostRows(device: Device, probe: number, record: (rows: number) => Recording): number {
  const { dispatches } = record(probe);
  let bytes = 0;
  let flops = 0;
  for (const dispatch of dispatches) {
    flops = Math.max(flops, dispatch.flops);
    for (const slot of Object.values(dispatch.bindings))
      if (!isModelBuffer(slot.external?.buffer ?? '')) bytes = Math.max(bytes, slot.bytes);
  }
  const share = Math.min(MOST_BYTES / bytes, MOST_FLOPS[device.adapter.kind] / flops);
  return Math.max(1, Math.floor(share)) * probe;
}
