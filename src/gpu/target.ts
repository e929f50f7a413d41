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

/** The feature of mixed precision; that of subgroup matrices, their shape and the size of the subgroups that the kernels are written for. */
const HALVES = 'shader-f16';
const MATRICES = 'chromium-experimental-subgroup-matrix';
const MATRIX_SHAPE = '16×16×16';
const MATRIX_SUBGROUP = 32;

/**
 * Whether a target runs the variants for subgroups of exactly four lanes: a software adapter, whose subgroups are SIMD
 * registers, so that a load of four neighbours is one instruction and a broadcast a shuffle.
 */
export function hasFourLanes(target: Target): boolean {
  return target.adapter === 'software' && target.subgroupSize === 4;
}

/** What a target lacks for mixed precision; nothing where it has all. */
export function lacksForMixed({ adapter, features }: Target): string[] {
  return [...(adapter === 'software' ? ['GPU'] : []), ...(features.has(HALVES) ? [] : [HALVES])];
}

/** Whether the products of a target round their factors to f16. */
export function hasHalves(target: Target): boolean {
  return target.precision === 'mixed' && lacksForMixed(target).length === 0;
}

/** Whether they may run on subgroup matrices, `…_matrix`. */
export function hasMatrices(target: Target): boolean {
  return hasHalves(target) && target.features.has(MATRICES) && target.subgroupSize === MATRIX_SUBGROUP;
}

export function targetOf(device: Device, precision: Precision = 'f32'): Target {
  const { subgroupSizes: sizes, matrixShapes } = device.adapter;
  const features = new Set<string>(device.gpu.features);
  if (matrixShapes && !matrixShapes.includes(MATRIX_SHAPE)) features.delete(MATRICES);
  return {
    adapter: device.adapter.kind,
    precision,
    features,
    ...(sizes && sizes[0] === sizes[1] && device.gpu.features.has('subgroups')
      ? { subgroupSize: sizes[0] }
      : {}),
  };
}
