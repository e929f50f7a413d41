/** What the choice of kernel variants depends on: the kind of adapter and the features the device was opened with. */
import type { Device } from './device.ts';

export interface Target {
  readonly adapter: 'hardware' | 'software';
  readonly features: ReadonlySet<string>;
  /** The one subgroup size of the adapter, where it has just one. */
  readonly subgroupSize?: number;
}

/**
 * Whether a target runs the variants for subgroups of exactly four lanes: a software adapter, whose subgroups are SIMD
 * registers, so that a load of four neighbours is one instruction and a broadcast a shuffle.
 */
export function hasFourLanes(target: Target): boolean {
  return target.adapter === 'software' && target.subgroupSize === 4;
}

export function targetOf(device: Device): Target {
  const sizes = device.adapter.subgroupSizes;
  return {
    adapter: device.adapter.kind,
    features: new Set(device.gpu.features),
    ...(sizes && sizes[0] === sizes[1] && device.gpu.features.has('subgroups')
      ? { subgroupSize: sizes[0] }
      : {}),
  };
}
