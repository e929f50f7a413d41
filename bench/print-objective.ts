/** The objective at full size, as text. */
import type { LargeObjective } from './large-objective.ts';

const MIB = 2 ** 20;

export function printObjective(result: LargeObjective): string {
  const { n, m, d, ms, clock, gflop, gpuBytes, largestBindingBytes, errors, tfjs } = result;
  const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;
  const worst = (found: Readonly<Record<string, number>>): string =>
    Object.entries(found)
      .map(([name, error]) => `${name} ${error.toExponential(1)}`)
      .join(', ');
  return [
    `entropic objective and all gradients, n = ${n}, m = ${m}, d = ${d}: ${gflop.toFixed(0)} GFLOP`,
    `verified at 300 × 500: ${worst(errors.small)}`,
    `verified on rows and columns at full size: ${worst(errors.large)}`,
    `time    ${ms.toFixed(1)} ms (${clock} clock), ${(gflop / (ms / 1000)).toFixed(1)} GFLOP/s`,
    `memory  ${mib(gpuBytes)} on the GPU in all, largest binding ${mib(largestBindingBytes)} of ${mib(result.bindingLimitBytes)} allowed`,
    `a stored n × m matrix would take ${mib(result.matrixBytes)}; no buffer may exceed ${mib(result.bufferLimitBytes)}`,
    ...(tfjs
      ? [
          `tfjs-webgpu  agrees within ${worst(tfjs.errors)}`,
          `in turn      ours ${tfjs.oursMs.toFixed(1)} ms, tfjs ${tfjs.tfjsMs.toFixed(1)} ms: ${tfjs.ratio.toFixed(1)}×`,
        ]
      : []),
  ].join('\n');
}
