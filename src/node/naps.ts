/**
 * Sleep while a device works. Dawn's binding for Node asks at every turn of the event loop, for as long as a device lives, what is done
 * (github.com/dawn-gpu/node-webgpu, issue 17): a loop that never rests. Where the device is the CPU itself, it takes that time from
 * the threads that compute. While something is awaited, each turn therefore sleeps
 *   pause = a thirty-second of the time since something was last asked for or came, from 0.05 to 1 ms
 * so that short work is noticed at once and long work costs few turns.
 */
import type { AdapterDescription, DeviceOptions } from '../gpu/device.ts';

/** The option of a device that lets the process sleep, on a software adapter. */
export function napping({ kind }: AdapterDescription): Pick<DeviceOptions, 'onWait'> {
  if (kind !== 'software') return {};
  const naps = new Naps();
  return { onWait: () => naps.begin() };
}

/** Milliseconds. */
const [SHORTEST, LONGEST] = [0.05, 1];
const SHARE = 1 / 32;

/** Time, and the event loop. */
export interface Loop {
  readonly now: () => number;
  readonly sleep: (ms: number) => void;
  readonly nextTurn: (work: () => void) => void;
}

/** Nobody wakes it. */
const CELL = new Int32Array(new SharedArrayBuffer(4));
const NODE: Loop = {
  now: () => performance.now(),
  sleep: (ms) => void Atomics.wait(CELL, 0, 0, ms),
  nextTurn: (work) => void setImmediate(work),
};

export class Naps {
  readonly #loop: Loop;
  #waits = 0;
  #since = 0;
  #isQueued = false;

  constructor(loop: Loop = NODE) {
    this.#loop = loop;
  }

  /** Something is awaited from now on. @returns what to call when it has come. */
  begin(): () => void {
    this.#waits++;
    this.#since = this.#loop.now();
    this.#queue();
    return () => {
      this.#waits--;
      this.#since = this.#loop.now();
    };
  }

  #queue(): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.#loop.nextTurn(() => {
      this.#isQueued = false;
      if (this.#waits === 0) return;
      const waited = this.#loop.now() - this.#since;
      this.#loop.sleep(Math.min(LONGEST, Math.max(SHORTEST, SHARE * waited)));
      this.#queue();
    });
  }
}
