/**
 * What cost is measured over: sweeps of one size each, the others fixed. Every point is verified as it is opened.
 *   objective   value and all gradients over n·m, d fixed
 *   scoring     N images under K latents over N·K, one of the two fixed
 *   batch       one critic and one generator update over the batch
 *   width       the same over the width of the networks, where no slope is expected: products grow by its square
 */
import { Trainer } from '../src/gan/trainer.ts';
import type { Device } from '../src/gpu/device.ts';
import { sizeOf } from '../src/graph/graph.ts';
import type { Architecture } from '../src/nn/architectures.ts';
import { drawOf, stepObjective, tensorsOf } from '../test/support/training-twin.ts';
import { openObjective } from './large-objective.ts';
import { openScoring } from './time-scoring.ts';
import {
  LAMBDA,
  type Workload,
  dcganWorkload,
  mlpWorkload,
  trainerOptions,
  workloadData,
} from './workload.ts';

/** A point of a sweep, ready to be timed. */
export interface OpenPoint extends Disposable {
  /** Does it `count` times and resolves when the last is done. */
  readonly run: (count: number) => Promise<void>;
  /** GPU memory of inputs, results and temporaries, where it is part of what is shown. */
  readonly bytes?: number;
}

export interface SweepPoint {
  /** What the cost is drawn over. */
  readonly x: number;
  readonly label: string;
  readonly open: (device: Device) => Promise<OpenPoint>;
}

export const FIGURES = ['objective', 'scoring', 'batch', 'width'] as const;
export type FigureName = (typeof FIGURES)[number];

export interface Sweep {
  readonly figure: FigureName;
  readonly name: string;
  /** The slope that the cost should have; null where none is expected. */
  readonly expected: 1 | null;
  readonly points: readonly SweepPoint[];
}

/** Title of the axis that a figure's costs are drawn over. */
export const AXES: Readonly<Record<FigureName, string>> = {
  objective: 'pairs, n·m',
  scoring: 'image–latent pairs, N·K',
  batch: 'batch',
  width: 'width',
};

/** The sweeps that suit an adapter: up to sizes that take seconds there. */
export function sweepsFor(adapter: 'hardware' | 'software'): readonly Sweep[] {
  const hardware = adapter === 'hardware';
  const sides = [256, 1024, 4096, 16_384, ...(hardware ? [65_536] : [])];
  const batches = [64, 128, 256, ...(hardware ? [512, 1024] : [])];
  return [
    objectiveSweep(2, sides),
    objectiveSweep(64, sides),
    ...(hardware ? [objectiveSweep(784, sides)] : []),
    scoringSweep(
      'N = 512',
      [1000, 4000, 16_000].map((latents) => ({ images: 512, latents })),
    ),
    scoringSweep(
      'K = 4 000',
      [64, 256, 1024].map((images) => ({ images, latents: 4000 })),
    ),
    batchSweep(mlpWorkload(), batches),
    batchSweep(dcganWorkload(16), batches),
    {
      figure: 'width',
      name: 'mlp, batch 64',
      expected: null,
      points: [64, 128, 256, 512].map((width) => stepPoint(width, mlpWorkload(width), 64)),
    },
    {
      figure: 'width',
      name: 'dcgan, batch 16',
      expected: null,
      points: (hardware ? [8, 16, 32, 64] : [8, 16, 32]).map((width) =>
        stepPoint(width, dcganWorkload(width), 16),
      ),
    },
  ];
}

function objectiveSweep(dims: number, sides: readonly number[]): Sweep {
  return {
    figure: 'objective',
    name: `d = ${dims}`,
    expected: 1,
    points: sides.map((size) => ({
      x: size * size,
      label: `n = m = ${size}, d = ${dims}`,
      async open(device) {
        const { plan, gpuBytes, ...opened } = await openObjective(device, { size, dims });
        return {
          bytes: gpuBytes,
          async run(count) {
            for (let i = 0; i < count; i++) plan.run([{ phase: 'once' }]);
            await device.idle();
          },
          [Symbol.dispose]: opened[Symbol.dispose],
        };
      },
    })),
  };
}

function scoringSweep(
  name: string,
  sizes: readonly { readonly images: number; readonly latents: number }[],
): Sweep {
  return {
    figure: 'scoring',
    name,
    expected: 1,
    points: sizes.map((size) => ({
      x: size.images * size.latents,
      label: `N = ${size.images}, K = ${size.latents}`,
      open: (device) => openScoring(device, mlpWorkload(), size),
    })),
  };
}

function batchSweep(workload: Workload, batches: readonly number[]): Sweep {
  return {
    figure: 'batch',
    name: workload.name,
    expected: 1,
    points: batches.map((batch) => stepPoint(batch, workload, batch)),
  };
}

/** How far J of a step may be from float64, relative to it: what d roundings of float32 come to, as in a cost of d values. */
const allowedFor = ({ sample }: Architecture): number => sizeOf(sample) * 2 ** -24;

/** Steps of training. J of the first is held against float64. */
function stepPoint(x: number, workload: Workload, batch: number): SweepPoint {
  return {
    x,
    label: `${workload.name}, batch ${batch}`,
    async open(device) {
      const data = workloadData();
      const trainer = await Trainer.create(device, trainerOptions(workload, batch));
      const { settings } = trainer;
      const run = async (count: number): Promise<number> => {
        let objective = Number.NaN;
        const steps = trainer.steps + count;
        for await (const report of trainer.run(data, { steps, reportEvery: steps }))
          objective = report.objective;
        await device.idle();
        return objective;
      };
      try {
        const { generator, critic } = await trainer.model();
        const weights = { generator: tensorsOf(generator), critic: tensorsOf(critic) };
        const exact = stepObjective({ settings, lambda: LAMBDA, ...drawOf(settings, data, 0), ...weights });
        const off = Math.abs((await run(1)) / exact.objective - 1);
        const allowed = allowedFor(workload.model);
        if (!(off <= allowed))
          throw new Error(
            `bench: J of ${workload.name}, batch ${batch}, is off by ${off.toExponential(2)}, allowed ${allowed.toExponential(2)}; no timing of a wrong result`,
          );
      } catch (error) {
        trainer.dispose();
        throw error;
      }
      return { run: async (count) => void (await run(count)), [Symbol.dispose]: () => trainer.dispose() };
    },
  };
}
