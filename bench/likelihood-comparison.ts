/**
 * The likelihood estimates of N observations under K latents, ours against tfjs on the same adapter: both verified, the
 * formulations of tfjs tried on a block each, then ours and its best timed in turn. Ours is one call of the public
 * `logLikelihood`, arrays in and arrays out, which checks its input, uploads everything and also keeps the paper's score;
 * tfjs has its data on the GPU already, and reads one small matrix back.
 */
import type { Device } from '../src/gpu/device.ts';
import { logLikelihood } from '../src/likelihood/log-likelihood.ts';
import { adapterName } from './adapter.ts';
import { interleave } from './interleave.ts';
import {
  type Agreement,
  agree,
  comparedEstimates,
  exactEstimates,
  someRows,
} from './likelihood-agreement.ts';
import { type ComparedCost, type LikelihoodSizes, likelihoodWorkload } from './likelihood-workload.ts';
import type { TfjsBackend } from './tfjs/backend.ts';
import { type Formulation, TfjsLikelihood } from './tfjs/likelihood.ts';

/** Exponents are costs over λ of some tens, and float32 keeps 1e-7 of each term; expanded costs have larger terms. */
export const OURS_ALLOWED: Agreement = { nats: 1e-4, weights: 1e-4 };
const TFJS_ALLOWED: Agreement = { nats: 1e-3, weights: 1e-3 };
/** Observations that are computed again on the host. */
export const SAMPLED = 16;

/** What a formulation takes, from one block of it. */
export interface Trial extends Formulation {
  /** Milliseconds for all N at this rate. */
  readonly allMs: number;
}

export interface LikelihoodTiming extends LikelihoodSizes {
  readonly cost: ComparedCost;
  readonly lambda: number;
  /** Against float64 on some observations, and ours against tfjs on all. */
  readonly agreement: { readonly ours: Agreement; readonly tfjs: Agreement; readonly both: Agreement };
  readonly trials: readonly Trial[];
  /** The best of them, which is timed. */
  readonly formulation: Formulation;
  /** Medians for all N, in milliseconds. */
  readonly oursMs: number;
  readonly tfjsMs: number;
  /** tfjsMs / oursMs. */
  readonly ratio: number;
  readonly turns: { readonly oursMs: readonly number[]; readonly tfjsMs: readonly number[] };
}

/** @throws Error where a side is wrong, or they run on different adapters. */
export async function compareLikelihood(
  device: Device,
  backend: TfjsBackend,
  sizes: LikelihoodSizes & { readonly cost: ComparedCost },
  options: { readonly turns: number; readonly turnMs: number },
): Promise<LikelihoodTiming> {
  const names = [adapterName(device.adapter), adapterName(backend.adapter)];
  if (names[0] !== names[1]) throw new Error(`bench: ours runs on ${names[0]}, tfjs on ${names[1]}`);
  const n = sizes.observations;
  const workload = likelihoodWorkload(sizes, sizes.cost);
  using tfjs = new TfjsLikelihood(backend.tf, workload);
  const trials = await tryFormulations(tfjs, n, device.adapter.kind);
  const best = trials.reduce((a, b) => (b.allMs < a.allMs ? b : a));
  const formulation = { name: best.name, rows: best.rows };

  const rows = someRows(n, SAMPLED);
  const exact = exactEstimates(workload, rows);
  const ours = comparedEstimates(await logLikelihood(device, workload));
  const theirs = await tfjs.estimates(formulation, n);
  const agreement = {
    ours: agree('ours and float64', ours, exact, { allowed: OURS_ALLOWED, rows }),
    tfjs: agree('tfjs and float64', theirs, exact, { allowed: TFJS_ALLOWED, rows }),
    both: agree('ours and tfjs', ours, theirs, { allowed: TFJS_ALLOWED }),
  };
  const { medianMs, turnsMs } = await interleave(
    [
      { name: 'ours', run: (count) => repeat(count, () => logLikelihood(device, workload)) },
      { name: 'tfjs', run: (count) => repeat(count, () => tfjs.estimates(formulation, n)) },
    ],
    options,
  );
  return {
    ...sizes,
    lambda: workload.lambda,
    agreement,
    trials,
    formulation,
    oursMs: medianMs[0],
    tfjsMs: medianMs[1],
    ratio: medianMs[1] / medianMs[0],
    turns: { oursMs: turnsMs[0], tfjsMs: turnsMs[1] },
  };
}

async function repeat(count: number, work: () => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i++) await work();
}

/** Each formulation on its first block of observations: once to compile, once timed. */
async function tryFormulations(
  tfjs: TfjsLikelihood,
  n: number,
  kind: 'software' | 'hardware',
): Promise<Trial[]> {
  const trials: Trial[] = [];
  for (const formulation of tfjs.formulations(n, kind)) {
    await tfjs.estimates(formulation, formulation.rows);
    const start = performance.now();
    await tfjs.estimates(formulation, formulation.rows);
    trials.push({ ...formulation, allMs: ((performance.now() - start) / formulation.rows) * n });
  }
  return trials;
}
