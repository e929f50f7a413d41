/** What experiments train with, by name. */
import type { TrainerOptions } from '../src/gan/settings.ts';
import { mlp } from '../src/nn/architectures.ts';

export const PRESETS = ['quick-mnist1', 'quick-mnist', 'paper-mnist1', 'paper-mnist'] as const;
export type PresetName = (typeof PRESETS)[number];

/** Settings of a training run but for its seed, and its generator iterations. */
export interface Recipe {
  readonly settings: TrainerOptions;
  readonly steps: number;
}

export function recipeOf(name: PresetName): Recipe {
  void name;
  return {
    settings: {
      model: mlp({ sample: [28, 28, 1], latent: 16 }),
      lambda: [
        [0, 2],
        [49, 1.6],
        [99, 1.28],
        [199, 1],
      ],
      batch: 64,
    },
    steps: 600,
  };
}
