/** `entropic-gan train`: trains a model on a data set, or goes on with a run. */
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import type { Dataset } from '../data/dataset.ts';
import type { Checkpoint, RunPlan } from '../gan/checkpoint.ts';
import {
  type Cost,
  FORMS,
  type Form,
  GENERATOR_LOSSES,
  type GeneratorLoss,
  type LambdaSchedule,
  OBJECTIVES,
  type Objective,
  TRAINING_COSTS,
  type TrainerOptions,
  defaultOptimisers,
  finalLambda,
  trainerSettings,
} from '../gan/settings.ts';
import { PRESETS, type PresetName, preset } from '../gan/presets.ts';
import { Trainer } from '../gan/trainer.ts';
import type { TuningReport } from '../gan/tuned-variants.ts';
import { UserError } from '../gpu/errors.ts';
import { PRECISIONS, type Precision } from '../gpu/target.ts';
import { type Architecture, dcgan, linear, mlp } from '../nn/architectures.ts';
import { loadDataset } from '../node/load-dataset.ts';
import { variantStore } from '../node/variant-store.ts';
import { Interrupted, interruptible } from './interrupt.ts';
import {
  type DeviceOptions,
  deviceFor,
  lambda,
  number,
  warmedUp,
  wholeNumber,
  widths,
  withDeviceOptions,
} from './options.ts';
import { commandOutput, seconds } from './output.ts';
import { prepareFolder, refuseUsed, resumed, runFolder } from './run-folder.ts';
import { profileTable, trainInto } from './training.ts';

/** What a new run is made of; a resumed one has it from its checkpoint. */
interface RecipeOptions {
  readonly arch: 'mlp' | 'linear' | 'dcgan';
  readonly latent: number;
  readonly width: number;
  readonly hidden?: number[];
  readonly separateCritics: boolean;
  readonly quadraticCritics: boolean;
  readonly objective: Objective;
  readonly cost: Cost;
  readonly form: Form;
  readonly generatorLoss: GeneratorLoss;
  readonly lambda: number | LambdaSchedule;
  readonly warmUp: boolean;
  readonly batch: number;
  readonly criticSteps?: number;
  readonly rate?: number;
  readonly seed: number;
  readonly skipRule: boolean;
  readonly ema: number;
  readonly precision: Precision;
}

interface TrainOptions extends RecipeOptions, DeviceOptions {
  readonly preset?: PresetName;
  readonly data?: string;
  readonly out?: string;
  readonly resume?: string;
  readonly steps?: number;
  readonly reportEvery?: number;
  readonly checkpointEvery?: number;
  readonly profile: boolean;
  readonly tune: boolean;
  readonly json: boolean;
}

/** Generator iterations of a run that is not told. */
const STEPS = 1200;
const REPORT_EVERY = 50;
const CHECKPOINT_EVERY = 500;

const EXAMPLES = `
Writes into the folder of --out:
  model.safetensors        what score and sample take
  checkpoint.safetensors   what --resume takes
  metrics.jsonl            a line every --report-every iterations
  samples-*.png            a grid of samples at every checkpoint

Examples:
  entropic-gan train --data glyphs?labels=1 --out runs/one --warm-up
  entropic-gan train --data path/to/mnist?labels=1 --out runs/mnist --lambda 0.3 --warm-up --steps 2500 --batch 64
  entropic-gan train --preset quick-mnist1 --out runs/quick
  entropic-gan train --preset paper-mnist --out runs/paper
  entropic-gan train --preset quick-mnist1 --objective wgan-gp --out runs/wgan-gp
  entropic-gan train --data gaussian:5 --arch linear --latent 5 --quadratic-critics --lambda 7 --rate 0.01 --out runs/gaussian
  entropic-gan train --resume runs/one --steps 3000

Ctrl-C saves and ends; --resume goes on as if the run had never stopped, bit for bit.`;

export function registerTrain(program: Command): void {
  const command = program
    .command('train')
    .description('train an entropic GAN on a data set')
    .option('--data <spec>', 'what to train on, e.g. glyphs?labels=1')
    .option('--out <folder>', 'folder to write to')
    .option('--resume <run>', 'go on with the run in this folder, or from this checkpoint file')
    .addOption(
      new Option(
        '--preset <name>',
        'a run by name: data, networks and settings, each of which another option replaces',
      ).choices(PRESETS),
    )
    .option('--steps <n>', `generator iterations in all (default: ${STEPS})`, wholeNumber(1))
    .addOption(new Option('--arch <name>', 'networks').choices(['mlp', 'linear', 'dcgan']).default('mlp'))
    .option('--latent <r>', 'latent dimensions', number, 16)
    .option('--width <n>', 'of dcgan: channels of the first convolution', number, 16)
    .option(
      '--hidden <widths>',
      'hidden layers of mlp (default: 256,256) and linear (256, of the critics)',
      widths,
    )
    .option('--separate-critics', 'two critics instead of one trunk under two heads', false)
    .option('--quadratic-critics', 'of linear: yᵀQy + bᵀy + c, exact for Gaussian data', false)
    .addOption(
      new Option(
        '--objective <name>',
        'what the critics climb; the Wasserstein ones (RMSProp and bounded weights, or Adam and a gradient penalty) are for comparison: one critic, no coupling',
      )
        .choices(OBJECTIVES)
        .default('entropic'),
    )
    .addOption(
      new Option('--cost <name>', 'l(y, ŷ) of transport and noise; cosine is no noise to score with')
        .choices(TRAINING_COSTS)
        .default('half-squared'),
    )
    .addOption(new Option('--form <name>', 'form of the dual').choices(FORMS).default('logmeanexp'))
    .addOption(
      new Option('--generator-loss <name>', 'what the generator descends on')
        .choices(GENERATOR_LOSSES)
        .default('dual'),
    )
    .option(
      '--lambda <λ>',
      'entropic regularisation in units of the cost: a number, or a schedule as in 0:10,49:8,99:6.4,199:5; for the other objectives the noise to score with, one number',
      lambda,
      1,
    )
    .option('--warm-up', 'begin at 2λ, then 1.6λ, 1.28λ and λ from iterations 49, 99 and 199 on', false)
    .option('--batch <n>', 'samples of data, and as many of the generator, in a step', number, 128)
    .option(
      '--critic-steps <n>',
      'critic steps before each generator step (default: 2; wgan and wgan-gp: 5)',
      number,
    )
    .option(
      '--rate <η>',
      'learning rate (default: 1e-3, Adam, β = (0.5, 0.99); wgan: 5e-5, RMSProp; wgan-gp: 1e-4, Adam, β = (0, 0.9))',
      number,
    )
    .option('--seed <n>', 'same seed, same adapter: same bits', number, 0)
    .option(
      '--skip-rule',
      "skip the generator's step while mean D₂ ≥ mean D₁, as the paper's code does",
      false,
    )
    .option(
      '--ema <decay>',
      "the model is a moving average of the generator's weights; 0 for none",
      number,
      0.99,
    )
    .addOption(
      new Option('--precision <name>', 'mixed: products of f16, on the tensor cores of a GPU that has them')
        .choices(PRECISIONS)
        .default('f32'),
    )
    .option('--report-every <n>', `iterations between reports (default: ${REPORT_EVERY})`, wholeNumber(1))
    .option(
      '--checkpoint-every <n>',
      `iterations between checkpoints, a multiple of --report-every (default: ${CHECKPOINT_EVERY})`,
      wholeNumber(1),
    )
    .option('--profile', 'time every kernel on the GPU and print a table (slower)', false)
    .option(
      '--tune',
      'first time, within 3 s, the kernels that could run, take the fastest and keep the choices in the cache folder; other kernels give other last digits',
      false,
    )
    .option('--json', 'one JSON object a line: the reports, then the result', false)
    .addHelpText('after', EXAMPLES);
  withDeviceOptions(command).action((options: TrainOptions) =>
    interruptible((signal) => train(command, options, signal)),
  );
}

async function train(command: Command, options: TrainOptions, signal: AbortSignal): Promise<void> {
  const output = commandOutput(options.json);
  const run = await prepare(command, options);
  const { folder, dataset, settings, plan, resume } = run;
  const started = performance.now();
  using device = await deviceFor(options, settings.precision);
  output.note(
    `${resume ? `goes on from step ${resume.model.configuration.steps}` : 'trains'} on ${dataset.name} (${dataset.count} samples of [${dataset.shape}]), adapter: ${device.adapter.description || device.adapter.device}`,
  );
  using trainer = await Trainer.create(device, settings, {
    ...(resume ? { resume } : {}),
    ...(options.tune ? { tune: variantStore() } : {}),
    profile: options.profile,
  });
  await prepareFolder(folder, resume?.model.configuration.steps ?? 0);
  const before = trainer.steps;
  const model = await trainInto(folder, trainer, dataset, plan, output, signal);
  const { steps } = model.configuration;
  const elapsed = (performance.now() - started) / 1000;
  const { tuning } = trainer;
  if (tuning) output.note(tuningNote(tuning));
  if (options.profile) {
    output.record({ profile: trainer.profile() });
    output.text(profileTable(trainer));
  }
  if (steps < plan.steps) {
    output.note(`saved step ${steps} of ${plan.steps}; go on with --resume ${folder.path}`);
    throw new Interrupted('interrupted');
  }
  output.record({ model: folder.model, steps, seconds: elapsed, ...(tuning ? { tuning } : {}) });
  output.text(
    `${folder.model}: ${steps} steps${steps > before ? `, ${steps - before} of them in ${seconds(elapsed)}` : ''}`,
  );
}

/** How the kernels were chosen, in a line. */
function tuningNote({ timed, cached, left, seconds: took, notSaved }: TuningReport): string {
  const shapes = `${timed} shapes timed in ${took.toFixed(1)} s, ${cached} known from the cache`;
  return [
    `kernels: ${shapes}${left > 0 ? `, ${left} left to the next run with --tune` : ''}`,
    ...(notSaved === undefined ? [] : [`kernels: the choices are not kept: ${notSaved}`]),
  ].join('\n');
}

interface Run {
  readonly folder: ReturnType<typeof runFolder>;
  readonly dataset: Dataset;
  readonly settings: TrainerOptions;
  readonly plan: RunPlan;
  readonly resume?: Checkpoint;
}

/** Everything that can be wrong with the options is found here, before anything is written. */
async function prepare(command: Command, given: TrainOptions): Promise<Run> {
  const options = withPreset(command, given);
  const { data, out } = options;
  if (options.resume === undefined) {
    if (data === undefined)
      throw new UserError('train: --data is missing; say what to train on, e.g. --data glyphs?labels=1');
    if (out === undefined)
      throw new UserError('train: --out is missing; name the folder to write to, e.g. --out runs/one');
    if (options.arch !== 'dcgan' && command.getOptionValueSource('width') === 'cli')
      throw new UserError(
        `train: --width is given, but the networks are ${options.arch}'s, which --hidden shapes; drop it, or take --arch dcgan`,
      );
    const dataset = await loadDataset(data);
    const settings = trainerSettings(recipe(options, dataset));
    const folder = runFolder(out);
    await refuseUsed(folder);
    return { folder, dataset, settings, plan: planOf(options) };
  }
  const fixed = [
    'preset',
    'arch',
    'latent',
    'width',
    'hidden',
    'separateCritics',
    'quadraticCritics',
    'objective',
    'cost',
    'form',
    'generatorLoss',
    'lambda',
    'warmUp',
    'batch',
    'criticSteps',
    'rate',
    'seed',
    'skipRule',
    'ema',
    'precision',
    'tune',
  ] as const satisfies readonly (keyof RecipeOptions | 'preset' | 'tune')[];
  const kept = fixed.find((name) => command.getOptionValueSource(name) === 'cli');
  if (kept)
    throw new UserError(
      `train: ${command.options.find((option) => option.attributeName() === kept)?.long} cannot be given with --resume: a run keeps its settings; drop it, or start a new run`,
    );
  const { checkpoint: resume, folder } = await resumed(options.resume);
  if (out !== undefined && resolve(out) !== resolve(folder)) await refuseUsed(runFolder(out));
  const { configuration } = resume.model;
  const dataset = await loadDataset(data ?? configuration.data);
  const plan = planOf({ ...resume.plan, ...options });
  if (plan.steps < configuration.steps)
    throw new UserError(
      `train: --steps is ${plan.steps}, the checkpoint has made ${configuration.steps}; give as many or more`,
    );
  return { folder: runFolder(out ?? folder), dataset, settings: configuration.settings, plan, resume };
}

/**
 * The options with those of their preset, but for the ones that were given. What a preset says of the entropic objective is
 * left out where another is asked for, so that the two can be compared: its λ is then the noise, the last of the schedule.
 */
function withPreset(command: Command, options: TrainOptions): TrainOptions {
  if (options.preset === undefined) return options;
  const { data, steps, networks, settings, rate } = preset(options.preset);
  const { averageDecay, cost, batch, lambda: schedule, ...entropic } = settings;
  const named: Partial<TrainOptions> = {
    data,
    steps,
    arch: 'dcgan',
    ...networks,
    cost,
    batch,
    ema: averageDecay,
    ...(options.objective === 'entropic'
      ? { ...entropic, lambda: schedule, rate }
      : { lambda: finalLambda(schedule) }),
  };
  const given = Object.entries(options).filter(
    ([name]) => command.getOptionValueSource(name) === 'cli' || !(name in named),
  );
  return { ...options, ...named, ...Object.fromEntries(given) };
}

/** The networks; options of others are refused. @throws UserError */
function networks(options: RecipeOptions, dataset: Dataset): Architecture {
  const { arch, latent, width, hidden, separateCritics, quadraticCritics } = options;
  if (quadraticCritics && (arch !== 'linear' || hidden))
    throw new UserError(
      `train: --quadratic-critics is given, but ${hidden ? '--hidden shapes critics of other layers' : `the networks are ${arch}'s`}; drop it, or take --arch linear without --hidden`,
    );
  const output = dataset.pixels.kind === 'bytes' ? 'sigmoid' : 'linear';
  if (arch === 'dcgan') {
    if (hidden || separateCritics)
      throw new UserError(
        `train: --${hidden ? 'hidden' : 'separate-critics'} is given, but the networks are dcgan's, which --width and --latent shape; drop it, or take --arch mlp`,
      );
    return dcgan({ image: imageOf(dataset), latent, width, output });
  }
  const sizes = { sample: dataset.shape, latent, ...(hidden ? { hidden } : {}) };
  return arch === 'linear'
    ? linear({ ...sizes, critic: quadraticCritics ? 'quadratic' : 'mlp' })
    : mlp({ ...sizes, sharedTrunk: !separateCritics, output });
}

function imageOf({ name, shape }: Dataset): readonly [number, number, number] {
  if (shape.length !== 3)
    throw new UserError(
      `train: samples of ${name} have shape [${shape}], dcgan is for images [height, width, channels]; take --arch mlp`,
    );
  return shape as readonly [number, number, number];
}

function recipe(options: RecipeOptions, dataset: Dataset): TrainerOptions {
  return {
    model: networks(options, dataset),
    objective: options.objective,
    cost: options.cost,
    form: options.form,
    generatorLoss: options.generatorLoss,
    lambda: options.warmUp ? warmedUp(options.lambda) : options.lambda,
    ...defaultOptimisers(options.objective, options.rate),
    ...(options.criticSteps === undefined ? {} : { criticSteps: options.criticSteps }),
    batch: options.batch,
    seed: options.seed,
    skipRule: options.skipRule,
    averageDecay: options.ema,
    precision: options.precision,
  };
}

function planOf(given: Partial<RunPlan>): RunPlan {
  const { steps = STEPS, reportEvery = REPORT_EVERY } = given;
  const { checkpointEvery = Math.ceil(CHECKPOINT_EVERY / reportEvery) * reportEvery } = given;
  if (checkpointEvery % reportEvery !== 0)
    throw new UserError(
      `train: --checkpoint-every is ${checkpointEvery}, --report-every ${reportEvery}; the first must be a multiple of the second`,
    );
  return { steps, reportEvery, checkpointEvery };
}
