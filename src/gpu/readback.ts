/**
 * A ring of staging buffers through which small results come back without the loop waiting for them: a copy is encoded
 * behind the work, and its promise resolves when the GPU has got there.
 */
import { type Device, type OwnedBuffer, GPU_MAP_READ, GPU_READBACK } from './device.ts';

export class ReadbackRing implements Disposable {
  readonly #device: Device;
  readonly #bytes: number;
  readonly #all: readonly OwnedBuffer[];
  readonly #free: OwnedBuffer[];

  /** @param bytes the size of one result; @param count how many may be under way at once. */
  constructor(device: Device, label: string, bytes: number, count: number) {
    this.#device = device;
    this.#bytes = bytes;
    this.#all = Array.from({ length: count }, (_, i) => device.buffer(`${label}.${i}`, bytes, GPU_READBACK));
    this.#free = [...this.#all];
  }

  /** How many results can be asked for before one of those under way has come back. */
  get free(): number {
    return this.#free.length;
  }

  /**
   * Takes a staging buffer: `encode` copies pieces of buffers into it, one after the other, and `arrived`, called after
   * the submit, is the promise of their bytes.
   */
  take(): {
    encode: (
      encoder: GPUCommandEncoder,
      pieces: readonly { buffer: GPUBuffer; offset: number; bytes: number }[],
    ) => void;
    arrived: () => Promise<ArrayBuffer>;
  } {
    const staging = this.#free.pop();
    if (!staging) throw new Error('readback: the ring is full; await a result under way first');
    return {
      encode: (encoder, pieces) => {
        let at = 0;
        for (const { buffer, offset, bytes } of pieces) {
          encoder.copyBufferToBuffer(buffer, offset, staging.buffer, at, bytes);
          at += bytes;
        }
      },
      arrived: async () => {
        await this.#device.whileAlive(staging.buffer.mapAsync(GPU_MAP_READ, 0, this.#bytes));
        const values = staging.buffer.getMappedRange(0, this.#bytes).slice(0);
        staging.buffer.unmap();
        this.#free.push(staging);
        return values;
      },
    };
  }

  dispose(): void {
    for (const staging of this.#all) staging.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
}
