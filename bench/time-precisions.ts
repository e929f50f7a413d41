/**
 * A training step of ours in each way that this adapter has: float32 and, where there is f16, mixed precision, with and without
 * WebGPU's bounds checks, and with the kernels that the tuner takes. The gradients of a first step of each are held against those of
 * float32 with checks; then all are timed in turn.
 */
import { Trainer, type TrainingReport } from '../src/gan/trainer.ts';
import type { VariantStore } from '../src/gan/variant-store.ts';
import { NETWORKS, type NetworkName } from '../src/gan/checkpoint.ts';
import { type Precision, lacksForMixed, targetOf } from '../src/gpu/target.ts';
import { openDevice } from '../src/node/open-device.ts';
import { type Contender, interleave } from './interleave.ts';
import { table } from './output.ts';
import { gradientsOf } from './verify-step.ts';
import { type Workload, trainerOptions, workloadData } from './workload.ts';

/** How far all gradients of a network may be from those of float32, by their norms. */
const ALLOWED: Readonly<Record<Precision, number>> = { f32: 1e-4, mixed: 2e-2 };

/** One way to run a step. */
interface Way {
  readonly precision: Precision;
  readonly unchecked: boolean;
  readonly tuned: boolean;
}

export interface PrecisionTiming {
  /** Of the networks. */
  readonly name: string;
  readonly batch: number;
  /** What mixed precision lacks here; nothing where it was run. */
  readonly lacks: readonly string[];
  readonly ways: readonly (Way & {
    /** ‖g − g'‖/‖g'‖ over a network, g' those of float32; the larger of the two. */
    readonly gradients: number;
    /** Median milliseconds of one critic and one generator update, and all turns. */
    readonly ms: number;
    readonly turnsMs: readonly number[];
  })[];
}

/** A way in words. */
export const wayName = ({ precision, unchecked, tuned }: Way): string =>
  [precision, ...(unchecked ? ['unchecked'] : []), ...(tuned ? ['tuned'] : [])].join(', ');

/** @throws Error where a way has other gradients than it may. */
export async function timePrecisions(
  workload: Workload,
  batch: number,
  { turns, turnMs, tune }: { readonly turns: number; readonly turnMs: number; readonly tune: boolean },
): Promise<PrecisionTiming> {
  using checkedDevice = await openDevice({ mixedPrecision: true });
  using uncheckedDevice = await openDevice({ mixedPrecision: true, unchecked: true });
  const lacks = lacksForMixed(targetOf(checkedDevice));
  const precisions: readonly Precision[] = lacks.length > 0 ? ['f32'] : ['f32', 'mixed'];
  const ways = precisions.flatMap((precision): Way[] => [
    { precision, unchecked: false, tuned: false },
    { precision, unchecked: true, tuned: false },
    ...(tune ? [{ precision, unchecked: true, tuned: true }] : []),
  ]);
  const data = workloadData();
  const trainers: Trainer[] = [];
  let exact: Readonly<Record<NetworkName, Float64Array>> | undefined;
  const made: { readonly way: Way; readonly gradients: number; readonly contender: Contender }[] = [];
  try {
    for (const way of ways) {
      const device = way.unchecked ? uncheckedDevice : checkedDevice;
      const options = { ...trainerOptions(workload, batch), precision: way.precision };
      const trainer = await Trainer.create(device, options, way.tuned ? { tune: forgetfulStore } : {});
      trainers.push(trainer);
      const run = async (count: number): Promise<void> => {
        const steps = trainer.steps + count;
        for await (const report of trainer.run(data, { steps, reportEvery: steps })) void report;
        await device.idle();
      };
      let last: TrainingReport | undefined;
      for await (const report of trainer.run(data, { steps: 1, reportEvery: 1 })) last = report;
      for (const [network, { scale, overflows }] of Object.entries(last?.lossScales ?? {}))
        if (overflows > 0)
          throw new Error(
            `bench: the first gradients of the ${network} overflowed f16, and the scale of its loss is ${scale} now; take a smaller LAMBDA`,
          );
      const found = await gradientsAfter(trainer);
      exact ??= found;
      const reference = exact;
      const off = Math.max(...NETWORKS.map((network) => distance(found[network], reference[network])));
      if (!(off <= ALLOWED[way.precision]))
        throw new Error(
          `bench: the gradients of ${wayName(way)} are off by ${off.toExponential(1)}, allowed ${ALLOWED[way.precision]}; no timing of a wrong result`,
        );
      made.push({ way, gradients: off, contender: { name: wayName(way), run } });
    }
    const { medianMs, turnsMs } = await interleave(
      made.map(({ contender }) => contender),
      { turns, turnMs },
    );
    return {
      name: workload.name,
      batch,
      lacks,
      ways: made.map(({ way, gradients }, i) => ({
        ...way,
        gradients,
        ms: medianMs[i] as number,
        turnsMs: turnsMs[i] as readonly number[],
      })),
    };
  } finally {
    for (const trainer of trainers) trainer.dispose();
  }
}

/** As text. */
export function printPrecisions({ name, batch, lacks, ways }: PrecisionTiming): string {
  return [
    `${name}, batch ${batch}: one critic and one generator update`,
    table(
      ['', 'ms/step', 'lowest to highest', 'gradients within'],
      ways.map((way) => [
        wayName(way),
        way.ms.toFixed(2),
        `${Math.min(...way.turnsMs).toFixed(2)}–${Math.max(...way.turnsMs).toFixed(2)}`,
        way.gradients.toExponential(1),
      ]),
    ),
    ...(lacks.length > 0 ? [`mixed precision: this device has no ${lacks.join(', no ')}`] : []),
  ].join('\n');
}

/** All gradients of each network, of the trainer's first step. */
async function gradientsAfter(trainer: Trainer): Promise<Record<NetworkName, Float64Array>> {
  const checkpoint = await trainer.checkpoint();
  const of = (network: NetworkName): Float64Array =>
    Float64Array.from([...gradientsOf(checkpoint, network).values()].flatMap((part) => [...part]));
  return { generator: of('generator'), critic: of('critic') };
}

function distance(a: Float64Array, b: Float64Array): number {
  const norm = (values: Float64Array): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0));
  return norm(a.map((x, i) => x - b[i]!)) / norm(b);
}

/** Nothing is on record, and nothing is kept: the tuner times anew. */
const forgetfulStore: VariantStore = {
  load: () => Promise.resolve({}),
  save: () => Promise.resolve(),
};
