/** Likelihoods beside tfjs, within default limits, and a profile of the reduction, as text. */
import type { Agreement } from './likelihood-agreement.ts';
import type { LikelihoodTiming } from './likelihood-comparison.ts';
import type { LargeLikelihood } from './likelihood-large.ts';
import { table } from './output.ts';

const MIB = 2 ** 20;

export function printLikelihood(timing: LikelihoodTiming): string {
  const { observations, latents, dims, cost, lambda, agreement, trials, formulation, ratio, turns } = timing;
  const row = (name: string, ms: number, all: readonly number[]): string[] => [
    name,
    seconds(ms),
    `${seconds(Math.min(...all))}–${seconds(Math.max(...all))}`,
    String(all.length),
    ((observations * latents * dims) / ms / 1e6).toFixed(3),
  ];
  const [plainest] = trials;
  return [
    `${cost}, N = ${observations}, K = ${latents}, d = ${dims}, λ = ${lambda.toFixed(2)}: L_K, S_K, components, weights`,
    `verified: ours within ${within(agreement.ours)} of float64, tfjs ${within(agreement.tfjs)}, of each other ${within(agreement.both)}`,
    table(
      ['tfjs, one block of it', 'observations', 's for all'],
      trials.map(({ name, rows, allMs }) => [name, String(rows), seconds(allMs)]),
    ),
    '',
    table(
      ['', 's', 'least–most', 'turns', 'G terms/s'],
      [
        row('entropic-gan', timing.oursMs, turns.oursMs),
        row(`tfjs-webgpu, ${formulation.name}`, timing.tfjsMs, turns.tfjsMs),
      ],
    ),
    `ratio ${ratio.toFixed(1)}×; against tfjs's plainest formulation, by one block of it, ${(Math.min(...trials.filter(({ name }) => name === plainest?.name).map(({ allMs }) => allMs)) / timing.oursMs).toFixed(1)}×`,
  ].join('\n');
}

export function printLargeLikelihood(large: LargeLikelihood): string {
  const { observations, latents, dims, cost, ms, gflop } = large;
  const mib = (bytes: number): string => `${(bytes / MIB).toFixed(1)} MiB`;
  return [
    `${cost}, N = ${observations}, K = ${latents}, d = ${dims}: ${gflop.toFixed(0)} GFLOP`,
    `verified: within ${within(large.agreement)} of float64 on ${large.sampled} observations`,
    `time    ${seconds(ms)} s, arrays in and arrays out, ${(gflop / (ms / 1000)).toFixed(2)} GFLOP/s`,
    `memory  ${mib(large.peakBytes)} on the GPU at most; no buffer may exceed ${mib(large.bufferLimitBytes)}`,
    `a stored N × K matrix would take ${mib(large.matrixBytes)}`,
  ].join('\n');
}

function seconds(ms: number): string {
  return (ms / 1000).toPrecision(3);
}

function within({ nats, weights }: Agreement): string {
  return `${nats.toExponential(1)} nats and ${weights.toExponential(1)} of weights`;
}
