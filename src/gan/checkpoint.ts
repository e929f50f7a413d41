/** What a training run can be resumed from: the model, the optimisers' state word for word, and what was asked for. */
import type { Model, Weights } from './model.ts';

export const NETWORKS = ['generator', 'critic'] as const;
export type NetworkName = (typeof NETWORKS)[number];

export interface Checkpoint {
  readonly model: Model;
  /** The generator's own weights, where the model holds their moving average. */
  readonly generator?: Weights;
  /** Raw contents of the optimisers' buffers, by name (`critic.moments`, `generator.count`, …), and in mixed precision of the loss scales (`guard`). */
  readonly state: ReadonlyMap<string, Uint32Array<ArrayBuffer>>;
  /** How far the run was to go, where whoever ran it noted that. */
  readonly plan?: RunPlan;
}

/** The course of a run beside its settings, in generator iterations. */
export interface RunPlan {
  readonly steps: number;
  readonly reportEvery: number;
  readonly checkpointEvery: number;
}
