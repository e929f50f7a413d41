/**
 * Training runs by name: the paper's two image experiments with its published settings (docs/mathematics.md §2), and smaller
 * ones of the same kind that a machine without a GPU trains in minutes.
 */
import { UserError } from '../gpu/errors.ts';
import { type DcganOptions, dcgan } from '../nn/architectures.ts';
import { adam } from '../nn/optimisers.ts';
import type { LambdaSchedule, TrainerOptions } from './settings.ts';

export const PRESETS = ['paper-mnist', 'paper-mnist1', 'quick-mnist', 'quick-mnist1'] as const;
export type PresetName = (typeof PRESETS)[number];

export interface Preset {
  /** What to train on. */
  readonly data: string;
  /** Generator iterations, skipped ones included. */
  readonly steps: number;
  /** The networks, for images of any shape. */
  readonly networks: Required<Pick<DcganOptions, 'latent' | 'width'>>;
  readonly settings: Required<
    Omit<TrainerOptions, 'model' | 'objective' | 'seed' | 'lambda' | 'generator' | 'critic' | 'precision'>
  > & { readonly lambda: LambdaSchedule };
  /** Learning rate of Adam, β = (0.5, 0.99), for generator and critics. */
  readonly rate: number;
}

const PAPER = {
  steps: 10_000,
  networks: { latent: 128, width: 64 },
  settings: {
    cost: 'l1',
    form: 'exp',
    generatorLoss: 'primal',
    lambda: [
      [0, 10],
      [49, 8],
      [99, 6.4],
      [199, 5],
    ],
    criticSteps: 5,
    batch: 128,
    skipRule: true,
    averageDecay: 0,
  },
  rate: 2e-4,
} as const;

const QUICK = {
  steps: 900,
  networks: { latent: 16, width: 8 },
  settings: {
    cost: 'half-squared',
    form: 'logmeanexp',
    generatorLoss: 'dual',
    lambda: [
      [0, 2],
      [49, 1.6],
      [99, 1.28],
      [199, 1],
    ],
    criticSteps: 2,
    batch: 64,
    skipRule: false,
    averageDecay: 0.99,
  },
  rate: 3e-3,
} as const;

const TABLE: Readonly<Record<PresetName, Preset>> = {
  'paper-mnist': { data: 'mnist', ...PAPER },
  'paper-mnist1': { data: 'mnist?labels=1', ...PAPER },
  'quick-mnist': { data: 'mnist', ...QUICK },
  'quick-mnist1': { data: 'mnist?labels=1', ...QUICK },
};

/** The preset of that name, as data. @throws UserError where there is none. */
export function preset(name: PresetName): Preset {
  if (!PRESETS.includes(name))
    throw new UserError(`preset: name is ${JSON.stringify(name)}; must be one of ${PRESETS.join(', ')}`);
  return TABLE[name];
}

/**
 * The options of a trainer for a preset, on images of a shape [height, width, channels].
 * @throws UserError where there is no such preset, and where the shape is no image's.
 */
export function presetOptions(name: PresetName, image: DcganOptions['image'], seed = 0): TrainerOptions {
  const { networks, settings, rate } = preset(name);
  const optimiser = adam({ rate, beta1: 0.5, beta2: 0.99 });
  return { model: dcgan({ image, ...networks }), ...settings, generator: optimiser, critic: optimiser, seed };
}
