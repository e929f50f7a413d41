/**
 * The GPU memory of a training run beside its temporaries, and how the status in it reads. Each network has its flat
 * parameters, gradients and optimiser state; `status` holds the scalars of the objective of the last critic step and,
 * 256 bytes on, of the last generator step; `guard` the fault, raised by an objective or a gradient that is not finite, so that
 * neither network changes any more, and the networks' loss scales, which are in use in mixed precision (see `ops/guard.ts`).
 */
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import type { Networks } from '../nn/architectures.ts';
import {
  OBJECTIVE_SCALARS,
  type ObjectiveScalars,
  decodeObjectiveScalars,
} from '../ops/entropic-objective.ts';
import {
  FAULT_WORDS,
  LOSS_SCALE_WORDS,
  type LossScale,
  decodeLossScale,
  firstLossScale,
} from '../ops/guard.ts';
import { optimiserStateBytes } from '../ops/optimiser.ts';
import { NETWORKS, type NetworkName } from './checkpoint.ts';
import type { TrainerSettings } from './settings.ts';

/** Byte offsets in `status`: WebGPU wants bindings on 256-byte boundaries. */
export const STATUS_OFFSETS = { critic: 0, generator: 256 } as const;
const SCALARS_BYTES = STATUS_OFFSETS.generator + OBJECTIVE_SCALARS * 4;
export const GUARD_WORDS = FAULT_WORDS + NETWORKS.length * LOSS_SCALE_WORDS;
/** The scalars, and the guard behind them. */
export const STATUS_BYTES = SCALARS_BYTES + GUARD_WORDS * 4;

/** The word of `guard` at which the loss scale of a network's step is. */
export function lossScaleAt(network: NetworkName): number {
  return FAULT_WORDS + NETWORKS.indexOf(network) * LOSS_SCALE_WORDS;
}

/**
 * What a training step reports beside its number: the objective and the diagnostics of the coupling on its batch. A
 * Wasserstein objective has no coupling: its diagnostics, `clippedPairs` among them, are NaN, in JSON null.
 */
export interface StatusReport {
  /** J, which the critics climb: of the last critic step and of the generator step (of `wgan-gp`, without the penalty). */
  readonly objective: number;
  readonly generatorObjective: number;
  /** What J is less by: the entropic penalty, that of the gradients (`wgan-gp`), or 0 (`wgan`). */
  readonly penalty: number;
  /** Coupling diagnostics: 1, 0, 0 at the optimum; the KL of the coupling; its transport cost. */
  readonly meanP: number;
  readonly maxRowError: number;
  readonly maxColError: number;
  readonly meanPLogP: number;
  readonly transportCost: number;
  /** Pairs whose exponent was clipped (`exp` form). */
  readonly clippedPairs: number;
  /** Mean D₁(y), of a Wasserstein objective mean D₂(y); mean D₂(ŷ). */
  readonly meanCriticReal: number;
  readonly meanCriticFake: number;
  /** In mixed precision: what each network's loss is multiplied by now, and the updates left out because it overflowed f16. */
  readonly lossScales?: Readonly<Record<NetworkName, LossScale>>;
}

/** Makes the buffers of a run, by the names that recordings use: zeros, and the first loss scales. */
export function trainingBuffers(
  device: Device,
  settings: TrainerSettings,
  networks: Networks,
): Readonly<Record<string, OwnedBuffer>> {
  const buffers: Record<string, OwnedBuffer> = {};
  const make = (name: string, bytes: number): void => void (buffers[name] = device.storage(name, bytes));
  try {
    make('status', SCALARS_BYTES);
    make('guard', GUARD_WORDS * 4);
    for (const network of NETWORKS)
      device.upload((buffers['guard'] as OwnedBuffer).buffer, 4 * lossScaleAt(network), firstLossScale());
    for (const network of NETWORKS) {
      const { bytes } = networks[network].layout;
      make(`${network}.parameters`, bytes);
      make(`${network}.gradients`, bytes);
    }
    for (const [name, bytes] of Object.entries(optimiserBytes(settings, networks))) make(name, bytes);
    if (settings.averageDecay > 0) make('generator.average', networks.generator.layout.bytes);
    return buffers;
  } catch (error) {
    for (const buffer of Object.values(buffers)) buffer.dispose();
    throw error;
  }
}

/** The sizes in bytes of the optimisers' buffers, by name. */
export function optimiserBytes(
  settings: TrainerSettings,
  networks: Networks,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    NETWORKS.flatMap((network) => {
      const sizes = optimiserStateBytes(settings[network], networks[network].layout.bytes / 4);
      return Object.entries(sizes).map(([name, bytes]) => [`${network}.${name}`, bytes] as const);
    }),
  );
}

/** The diagnostics of a coupling, where there is none. */
const NO_COUPLING = {
  meanP: Number.NaN,
  maxRowError: Number.NaN,
  maxColError: Number.NaN,
  meanPLogP: Number.NaN,
  transportCost: Number.NaN,
  clippedPairs: Number.NaN,
} satisfies Partial<StatusReport>;

/** Reads a status; undefined where something in it is not finite. */
export function decodeStatus(
  bytes: ArrayBuffer,
  { objective, precision }: Pick<TrainerSettings, 'objective' | 'precision'>,
): StatusReport | undefined {
  const guard = new Uint32Array(bytes, SCALARS_BYTES, GUARD_WORDS);
  if (guard[0] !== 0) return undefined;
  const scalars = (offset: number): ObjectiveScalars =>
    decodeObjectiveScalars(new Float32Array(bytes, offset, OBJECTIVE_SCALARS));
  const critic = scalars(STATUS_OFFSETS.critic);
  const generator = scalars(STATUS_OFFSETS.generator);
  if (!critic.finite || !generator.finite) return undefined;
  return {
    objective: critic.objective,
    generatorObjective: generator.objective,
    penalty: critic.penalty,
    meanP: critic.meanP,
    maxRowError: critic.maxRowError,
    maxColError: critic.maxColError,
    meanPLogP: critic.meanPLogP,
    transportCost: critic.transportCost,
    clippedPairs: critic.clippedPairs,
    meanCriticReal: critic.meanCriticReal,
    meanCriticFake: critic.meanCriticFake,
    ...(objective === 'entropic' ? {} : NO_COUPLING),
    ...(precision === 'mixed' ? { lossScales: lossScalesOf(guard) } : {}),
  };
}

/** The loss scales in a guard. */
export function lossScalesOf(guard: Uint32Array<ArrayBuffer>): Record<NetworkName, LossScale> {
  const of = (network: NetworkName): LossScale => decodeLossScale(guard.subarray(lossScaleAt(network)));
  return { generator: of('generator'), critic: of('critic') };
}

/**
 * The error of a run whose objective or gradients left the finite numbers. Where it was the objective, the weights are
 * those of the last finite step; of a gradient, the finite elements were still applied, in float32.
 */
export function nonFinite(
  step: number,
  { objective, precision }: Pick<TrainerSettings, 'objective' | 'precision'>,
): UserError {
  const fix = [
    ...(objective === 'entropic' ? ['raise lambda'] : []),
    'lower the rates',
    ...(precision === 'mixed' ? ['take precision f32'] : []),
    ...(objective === 'entropic' ? ['or take the logmeanexp form'] : []),
  ].join(', ');
  return new UserError(
    `training: the objective or a gradient is no longer finite by step ${step}, and the weights change no more; ${fix}`,
  );
}
