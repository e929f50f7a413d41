/** What the choice of kernel variants depends on: the kind of adapter and the features the device was opened with. */
import type { Device } from './device.ts';

export interface Target {
  readonly adapter: 'hardware' | 'software';
  readonly features: ReadonlySet<string>;
  /** The one subgroup size of the adapter, where it has just one. */
  readonly subgroupSize?: number;
  /** `mixed` rounds the factors of products to f16. Default `f32`. */
  readonly precision?: Precision;
  /** Kernels chosen beforehand: the key of a shape to the name of one of its candidates. Others run what the tables say. */
  readonly variants?: Readonly<Record<string, string>>;
}

export const PRECISIONS = ['f32', 'mixed'] as const;
export type Precision = (typeof PRECISIONS)[number];

/** The features of mixed precision, and the size of the subgroups that its kernels are written for. */
const MIXED_FEATURES = ['shader-f16', 'chromium-experimental-subgroup-matrix'] as const;
const MATRIX_SUBGROUP = 32;

/**
 * Whether a target runs the variants for subgroups of exactly four lanes: a software adapter, whose subgroups are SIMD
 * registers, so that a load of four neighbours is one instruction and a broadcast a shuffle.
 */
export function hasFourLanes(target: Target): boolean {
  return target.adapter === 'software' && target.subgroupSize === 4;
}

/** What a target lacks for mixed precision; nothing where it has all. */
export function lacksForMixed({ features, subgroupSize }: Target): string[] {
  return [
    ...MIXED_FEATURES.filter((feature) => !features.has(feature)),
    ...(subgroupSize === MATRIX_SUBGROUP ? [] : [`subgroups of ${MATRIX_SUBGROUP}`]),
  ];
}

/** Whether a target runs the variants on subgroup matrices, `…_matrix`. */
export function hasMatrices(target: Target): boolean {
  return target.precision === 'mixed' && lacksForMixed(target).length === 0;
}

export function targetOf(device: Device, precision: Precision = 'f32'): Target {
  const sizes = device.adapter.subgroupSizes;
  return {
    adapter: device.adapter.kind,
    precision,
    features: new Set(device.gpu.features),
    ...(sizes && sizes[0] === sizes[1] && device.gpu.features.has('subgroups')
      ? { subgroupSize: sizes[0] }
      : {}),
  };
}
