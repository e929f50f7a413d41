/**
 * The likelihood estimates of 10 000 observations under 100 000 latents, d = 64, on a device with WebGPU's default limits,
 * where an N × K matrix of costs (3.7 GiB) could be neither bound (128 MiB) nor made (256 MiB): one call of
 * `logLikelihood`, timed, its GPU memory watched, then everything of some observations against float64.
 */
import type { Device, OwnedBuffer } from '../src/gpu/device.ts';
import { logLikelihood } from '../src/likelihood/log-likelihood.ts';
import {
  type Agreement,
  agree,
  comparedEstimates,
  exactEstimates,
  someRows,
} from './likelihood-agreement.ts';
import { OURS_ALLOWED, SAMPLED } from './likelihood-comparison.ts';
import { type ComparedCost, type LikelihoodSizes, likelihoodWorkload } from './likelihood-workload.ts';

export interface LargeLikelihood extends LikelihoodSizes {
  readonly cost: ComparedCost;
  readonly agreement: Agreement;
  /** Observations that were computed again on the host. */
  readonly sampled: number;
  /** Wall clock of one call. */
  readonly ms: number;
  /** 3·N·K·d for the costs and about 60·N·K for the statistics. */
  readonly gflop: number;
  /** The most bytes in buffers of the device at any time; Dawn's own staging of uploads is not counted. */
  readonly peakBytes: number;
  readonly bufferLimitBytes: number;
  readonly matrixBytes: number;
}

/** @throws Error where the result is wrong. */
export async function runLargeLikelihood(
  device: Device,
  sizes: LikelihoodSizes & { readonly cost: ComparedCost },
): Promise<LargeLikelihood> {
  const { observations: n, latents: k, dims: d } = sizes;
  const workload = likelihoodWorkload(sizes, sizes.cost);
  const start = performance.now();
  const { result, peakBytes } = await watchingBytes(device, () => logLikelihood(device, workload));
  const ms = performance.now() - start;
  const rows = someRows(n, Math.min(n, SAMPLED));
  const exact = exactEstimates(workload, rows);
  return {
    ...sizes,
    agreement: agree('ours and float64', comparedEstimates(result), exact, { allowed: OURS_ALLOWED, rows }),
    sampled: rows.length,
    ms,
    gflop: (n * k * (3 * d + 60)) / 1e9,
    peakBytes,
    bufferLimitBytes: device.gpu.limits.maxBufferSize,
    matrixBytes: 4 * n * k,
  };
}

/** The most bytes that were live while `work` ran: they grow only where a buffer is made. */
async function watchingBytes<T>(
  device: Device,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly peakBytes: number }> {
  const make = device.buffer.bind(device);
  let peakBytes = device.liveBytes;
  device.buffer = (...given): OwnedBuffer => {
    const owned = make(...given);
    peakBytes = Math.max(peakBytes, device.liveBytes);
    return owned;
  };
  try {
    return { result: await work(), peakBytes };
  } finally {
    device.buffer = make;
  }
}
