/** What a training run is told: objective, optimisers, schedule, batch, seed; defaults and checks in one place. */
import { UserError } from '../gpu/errors.ts';
import { PRECISIONS, type Precision } from '../gpu/target.ts';
import { type Architecture, architecture } from '../nn/architectures.ts';
import { OPTIMISERS, type OptimiserSettings, adam, rmsprop } from '../nn/optimisers.ts';

export const OBJECTIVES = ['entropic', 'wgan', 'wgan-gp'] as const;
export type Objective = (typeof OBJECTIVES)[number];
export const TRAINING_COSTS = ['l1', 'squared', 'half-squared', 'cosine'] as const;
export type Cost = (typeof TRAINING_COSTS)[number];
export const FORMS = ['exp', 'logmeanexp', 'hinge'] as const;
export type Form = (typeof FORMS)[number];
export const GENERATOR_LOSSES = ['dual', 'primal'] as const;
export type GeneratorLoss = (typeof GENERATOR_LOSSES)[number];

/** λ from each generator iteration on: [[0, 10], [49, 8]] is 10 up to iteration 48, then 8. */
export type LambdaSchedule = readonly (readonly [number, number])[];

export interface TrainerOptions {
  readonly model: Architecture;
  /**
   * What the critics climb. Default `entropic`. The Wasserstein objectives (`wgan` bounds the critic's weights, `wgan-gp`
   * penalises its gradients; docs/mathematics.md §2) have one critic for real and generated samples alike, D₂: D₁'s own
   * layers stay untrained. They have no coupling: `form` and `generatorLoss` keep their defaults, and `cost` and `lambda`,
   * one number, state the noise that the generator is scored with and nothing else.
   */
  readonly objective?: Objective;
  /**
   * l(y, ŷ), in units of the data. Default `half-squared`. `cosine`, 100·(1 − y·ŷ/(‖y‖‖ŷ‖)), trains only: no likelihood goes
   * with it, so that scoring asks for another noise.
   */
  readonly cost?: Cost;
  /** Form of the dual. Default `logmeanexp`. */
  readonly form?: Form;
  /** What the generator descends on. Default `dual`. */
  readonly generatorLoss?: GeneratorLoss;
  /** Strength of the entropic regularisation, in units of the cost; a number or a schedule. */
  readonly lambda: number | LambdaSchedule;
  /** For the defaults of both see `defaultOptimisers`. */
  readonly generator?: OptimiserSettings;
  readonly critic?: OptimiserSettings;
  /** Critic steps before each generator step. Default 2, of the Wasserstein objectives 5. */
  readonly criticSteps?: number;
  /** Samples of data, and as many of the generator, in a batch. Default 128. */
  readonly batch?: number;
  readonly seed?: number;
  /** Skips the generator step at iteration 0 and while mean D₂(ŷ) ≥ mean D₁(y), as the paper's code does. Default false. */
  readonly skipRule?: boolean;
  /**
   * Decay of an exponential moving average of the generator's weights, which is then the model; 0 for none. Early on it is
   * less, see `averageDecayAt`. Default 0.99.
   */
  readonly averageDecay?: number;
  /**
   * `mixed` rounds the factors of the products of training, forward and backward, to f16, and sums the gradients of biases from
   * rounded values; weights, sums and everything else stay float32. The losses have scales of their own, found as training goes on:
   * an update whose gradients overflowed f16 is left out; activations and weights must stay below 65 504. Needs an adapter with f16, and for tensor cores one with subgroup matrices,
   * which `openDevice({ mixedPrecision: true })` asks for; of the entropic objective only. Default `f32`.
   */
  readonly precision?: Precision;
}

/** The options with every default filled in, checked. */
export type TrainerSettings = { readonly [K in keyof TrainerOptions]-?: NonNullable<TrainerOptions[K]> } & {
  readonly lambda: LambdaSchedule;
};

const KNOWN = [
  'model',
  'objective',
  'cost',
  'form',
  'generatorLoss',
  'lambda',
  'generator',
  'critic',
  'criticSteps',
  'batch',
  'seed',
  'skipRule',
  'averageDecay',
  'precision',
] as const satisfies readonly (keyof TrainerOptions)[];

/** Fills in defaults. @throws UserError naming the option, its value and what it may be. */
export function trainerSettings(options: TrainerOptions): TrainerSettings {
  for (const key of Object.keys(options)) {
    if (!(KNOWN as readonly string[]).includes(key))
      throw new UserError(`trainer: unknown option ${key}; known: ${KNOWN.join(', ')}`);
  }
  if (!options.model)
    throw new UserError(
      'trainer: model is missing; give one, as in model: mlp({ sample: [28, 28, 1], latent: 16 })',
    );
  const objective = oneOf('objective', options.objective ?? 'entropic', OBJECTIVES);
  const optimisers = defaultOptimisers(objective);
  const settings: TrainerSettings = {
    model: architecture(options.model),
    objective,
    cost: oneOf('cost', options.cost ?? 'half-squared', TRAINING_COSTS),
    form: oneOf('form', options.form ?? 'logmeanexp', FORMS),
    generatorLoss: oneOf('generatorLoss', options.generatorLoss ?? 'dual', GENERATOR_LOSSES),
    lambda: lambdaSchedule(options.lambda),
    generator: checkOptimiser('generator', options.generator ?? optimisers.generator),
    critic: checkOptimiser('critic', options.critic ?? optimisers.critic),
    criticSteps: wholeNumber('criticSteps', options.criticSteps ?? (objective === 'entropic' ? 2 : 5), 1),
    batch: wholeNumber('batch', options.batch ?? 128, 1),
    seed: wholeNumber('seed', options.seed ?? 0, 0),
    skipRule: options.skipRule ?? false,
    averageDecay: options.averageDecay ?? 0.99,
    precision: oneOf('precision', options.precision ?? 'f32', PRECISIONS),
  };
  if (!(settings.averageDecay >= 0 && settings.averageDecay < 1))
    throw new UserError(`trainer: averageDecay is ${settings.averageDecay}; must be at least 0 and below 1`);
  if (settings.batch === 1 && settings.model.generator.some(({ kind }) => kind === 'batch-norm'))
    throw new UserError(
      'trainer: batch is 1, but the generator has a batch norm, whose statistics are over the batch; give 2 or more',
    );
  if (settings.precision === 'mixed' && objective !== 'entropic')
    throw new UserError(
      `trainer: precision is mixed, which trains the entropic objective only; objective is ${objective}, take precision f32`,
    );
  if (objective !== 'entropic') checkWasserstein(settings);
  return settings;
}

/**
 * The optimisers of a run that names none: Adam, rate 1e-3, β = (0.5, 0.99); for `wgan` RMSProp, rate 5e-5, with the critic's
 * weights bounded by 0.01 (Arjovsky et al. 2017); for `wgan-gp` Adam, rate 1e-4, β = (0, 0.9) (Gulrajani et al. 2017).
 * @param rate another learning rate.
 */
export function defaultOptimisers(
  objective: Objective,
  rate?: number,
): { readonly generator: OptimiserSettings; readonly critic: OptimiserSettings } {
  if (objective === 'wgan') {
    const generator = rmsprop({ rate: rate ?? 5e-5 });
    return { generator, critic: { ...generator, weightBound: 0.01 } };
  }
  const both =
    objective === 'wgan-gp'
      ? adam({ rate: rate ?? 1e-4, beta1: 0, beta2: 0.9 })
      : adam({ rate: rate ?? 1e-3, beta1: 0.5, beta2: 0.99 });
  return { generator: both, critic: both };
}

/** @throws UserError on what only the entropic objective has, and on a `wgan` whose critic is not bounded. */
function checkWasserstein(settings: TrainerSettings): void {
  const { objective, cost, form, generatorLoss, lambda, critic } = settings;
  if (cost === 'cosine')
    throw new UserError(
      `trainer: cost is cosine, but objective ${objective} has no cost to train with, and no noise belongs to this one; give the cost of the noise to score with, l1, squared or half-squared`,
    );
  if (form !== 'logmeanexp')
    throw new UserError(
      `trainer: form is ${form}, but objective ${objective} has no coupling to regularise; leave form out, or train with objective entropic`,
    );
  if (generatorLoss !== 'dual')
    throw new UserError(
      `trainer: generatorLoss is ${generatorLoss}, but objective ${objective} has no coupling to hold; leave it out, or train with objective entropic`,
    );
  if (lambda.length > 1)
    throw new UserError(
      `trainer: lambda is a schedule of ${lambda.length} values, but objective ${objective} does not train with it; give the one number that the generator is to be scored with`,
    );
  if (objective === 'wgan' && critic.weightBound === 0)
    throw new UserError(
      "trainer: critic.weightBound is 0, but objective wgan needs the critic's weights bounded; give one, as in critic: rmsprop({ rate: 5e-5, weightBound: 0.01 }), or train with objective wgan-gp",
    );
}

/** A checked schedule from a number or a list of [iteration, λ]. @throws UserError */
export function lambdaSchedule(lambda: number | LambdaSchedule): LambdaSchedule {
  const schedule: LambdaSchedule = typeof lambda === 'number' ? [[0, lambda]] : lambda;
  if (!Array.isArray(schedule))
    throw new UserError(
      `lambda: is ${JSON.stringify(lambda)}; give a number, or a schedule as in [[0, 10], [49, 8]]`,
    );
  if (schedule.length === 0 || schedule[0]?.[0] !== 0)
    throw new UserError('lambda: a schedule must start at iteration 0, as in [[0, 10], [49, 8]]');
  schedule.forEach(([iteration, value], i) => {
    if (!(Math.fround(value) > 0 && Number.isFinite(Math.fround(value))))
      throw new UserError(
        `lambda: is ${value} from iteration ${iteration} on; must be a finite number above 0 (in 32-bit floating point)`,
      );
    if (!Number.isInteger(iteration) || (i > 0 && iteration <= (schedule[i - 1]?.[0] ?? 0)))
      throw new UserError(
        `lambda: iterations must be whole and rise, got ${schedule.map(([at]) => at).join(', ')}`,
      );
  });
  return schedule;
}

/** λ at a generator iteration. */
export function lambdaAt(schedule: LambdaSchedule, iteration: number): number {
  let value = schedule[0]?.[1] ?? Number.NaN;
  for (const [from, lambda] of schedule) if (iteration >= from) value = lambda;
  return value;
}

/** The moving average's decay at a generator iteration: the initial weights are forgotten before it reaches `decay`. */
export function averageDecayAt(decay: number, iteration: number): number {
  return Math.min(decay, (1 + iteration) / (10 + iteration));
}

/** λ once the schedule has ended: the one that likelihoods are stated for. */
export function finalLambda(schedule: LambdaSchedule): number {
  return schedule.at(-1)?.[1] ?? Number.NaN;
}

function oneOf<T extends string>(name: string, value: T, known: readonly T[]): T {
  if (!known.includes(value))
    throw new UserError(`trainer: ${name} is ${JSON.stringify(value)}; known: ${known.join(', ')}`);
  return value;
}

function wholeNumber(name: string, value: number, least: number): number {
  if (!Number.isInteger(value) || value < least || value > 0xffffffff)
    throw new UserError(
      `trainer: ${name} is ${value}; must be a whole number of ${least} or more, 4294967295 at most`,
    );
  return value;
}

/** The settings of an optimiser, checked. @param which its name, for messages. @throws UserError */
export function checkOptimiser(which: string, settings: OptimiserSettings): OptimiserSettings {
  oneOf(`${which}.kind`, settings.kind, OPTIMISERS);
  const positive = { rate: settings.rate, epsilon: settings.epsilon };
  for (const [name, value] of Object.entries(positive)) {
    if (!(value > 0 && Number.isFinite(value)))
      throw new UserError(`trainer: ${which}.${name} is ${value}; must be a finite number above 0`);
  }
  const fractions = {
    beta1: settings.beta1,
    beta2: settings.beta2,
    decay: settings.decay,
    momentum: settings.momentum,
  };
  for (const [name, value] of Object.entries(fractions)) {
    if (!(value >= 0 && value < 1))
      throw new UserError(`trainer: ${which}.${name} is ${value}; must be at least 0 and below 1`);
  }
  for (const [name, value] of Object.entries({
    clipNorm: settings.clipNorm,
    weightBound: settings.weightBound,
    weightDecay: settings.weightDecay,
  })) {
    if (!(value >= 0 && Number.isFinite(value)))
      throw new UserError(`trainer: ${which}.${name} is ${value}; must be a finite number of 0 or more`);
  }
  return settings;
}
