/**
 * Sleep while a device works. Dawn's binding for Node asks at every turn of the event loop, for as long as a device lives, what is done
 * (github.com/dawn-gpu/node-webgpu, issue 17): a loop that never rests. Where the device is the CPU itself, it takes that time from
 * the threads that compute. While something is awaited, each turn therefore sleeps
 *   pause = a sixteenth of the time waited so far, from 0.05 to 1 ms
 * so that short work is noticed at once and long work costs few turns.
 */

/** Milliseconds. */
const [SHORTEST, LONGEST] = [0.05, 1];
const SHARE = 1 / 16;

export class Naps {
  /** Nobody wakes it. */
  readonly #cell = new Int32Array(new SharedArrayBuffer(4));
  #waits = 0;
  #since = 0;
  #isQueued = false;

  /** Something is awaited from now on. @returns what to call when it has come. */
  begin(): () => void {
    this.#waits++;
    this.#since = performance.now();
    this.#queue();
    return () => {
      this.#waits--;
      this.#since = performance.now();
    };
  }

  #queue(): void {
    if (this.#isQueued) return;
    this.#isQueued = true;
    setImmediate(() => {
      this.#isQueued = false;
      if (this.#waits === 0) return;
      const waited = performance.now() - this.#since;
      Atomics.wait(this.#cell, 0, 0, Math.min(LONGEST, Math.max(SHORTEST, SHARE * waited)));
      this.#queue();
    });
  }
}
