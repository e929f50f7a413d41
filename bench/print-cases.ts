/** Results of kernel cases, as text. */
import { table } from './output.ts';
import type { CaseResult } from './time-cases.ts';

/** One line for each case and variant that was timed. */
export function printCases(results: readonly CaseResult[]): string {
  const timed = results.flatMap((result) => (result.timing ? [{ ...result, timing: result.timing }] : []));
  return table(
    ['case', 'kernels', 'error/allowed', 'µs', 'GFLOP/s', 'GB/s'],
    timed.map(({ name, kernels, errorShare, timing: { ms }, flops, bytes }) => [
      name,
      kernels.join(' '),
      errorShare.toFixed(2),
      (1000 * ms).toFixed(1),
      (flops / ms / 1e6).toFixed(2),
      (bytes / ms / 1e6).toFixed(2),
    ]),
  );
}

/** How many were verified, and what is wrong. */
export function printVerified(results: readonly CaseResult[]): string {
  const wrong = results.filter(({ problems }) => problems.length > 0);
  const worst = results.reduce((most, { errorShare }) => Math.max(most, errorShare), 0);
  return [
    `verified ${results.length - wrong.length} of ${results.length} cases and variants; largest error ${worst.toFixed(2)} of what is allowed`,
    ...wrong.map(
      ({ name, kernels, problems }) => `WRONG ${name} (${kernels.join(' ')}): ${problems.join('; ')}`,
    ),
  ].join('\n');
}
