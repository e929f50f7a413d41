/**
 * Phases of a plan, submitted in groups: few enough operations in a group that a signal to stop is heard soon and memory for its
 * params is small, enough that many short phases cost one submit and one wait.
 */
import type { Device } from '../gpu/device.ts';
import type { PhaseRun, Plan } from '../gpu/plan.ts';

/** Phases in a group at most: what a plan needs as `phasesPerRun`. */
export const MOST_PHASES = 64;
/** Operations in a group, about a fifth of a second on a slow adapter of the kind. */
const GROUP_FLOPS = { software: 5e8, hardware: 5e11 };

export class PacedRuns<P extends string> {
  readonly #device: Device;
  readonly #plan: Plan<P>;
  readonly #check: () => void;
  #runs: PhaseRun<P>[] = [];
  #flops = 0;

  /** @param check called before each submit; throws where the work should stop. */
  constructor(device: Device, plan: Plan<P>, check: () => void) {
    this.#device = device;
    this.#plan = plan;
    this.#check = check;
  }

  /** Takes one more phase; submits and waits where the group is full. @returns whether it was. */
  async add(run: PhaseRun<P>): Promise<boolean> {
    this.#runs.push(run);
    this.#flops += this.#plan.flopsOf(run.phase);
    if (this.#runs.length < MOST_PHASES && this.#flops < GROUP_FLOPS[this.#device.adapter.kind]) return false;
    await this.finish();
    return true;
  }

  /** Submits what is left, and waits for it. */
  async finish(): Promise<void> {
    this.#check();
    if (this.#runs.length === 0) return;
    this.#plan.run(this.#runs);
    this.#runs = [];
    this.#flops = 0;
    await this.#device.idle();
    this.#check();
  }
}
