/** Which matmul kernel runs on a target, and its grid. */
import { type Target, hasFourLanes } from '../gpu/target.ts';

/** The kernel for an [m, n] result. */
export function matmulVariant(
  { m, n }: { readonly m: number; readonly n: number },
  target: Target,
): { kernel: 'matmul' | 'matmul_subgroup4'; workgroups: [number, number, number] } {
  if (hasFourLanes(target))
    return { kernel: 'matmul_subgroup4', workgroups: [Math.ceil(m / 32) * Math.ceil(n / 32), 1, 1] };
  return { kernel: 'matmul', workgroups: [Math.ceil((Math.ceil(m / 8) * Math.ceil(n / 8)) / 16), 1, 1] };
}
