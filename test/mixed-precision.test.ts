/**
 * Mixed precision on a device that emulates f16 and subgroup matrices: every kernel of it against its float64 twin, what overflows,
 * and training.
 */
import { describe, expect, it } from 'vitest';
import { dataset } from '../src/data/dataset.ts';
import { threefryUniforms } from '../src/data/random.ts';
import type { Checkpoint } from '../src/gan/checkpoint.ts';
import type { TrainerOptions } from '../src/gan/settings.ts';
import { Trainer, type TrainingReport } from '../src/gan/trainer.ts';
import { lossScaleAt } from '../src/gan/training-buffers.ts';
import { type AnyKernelCall, featuresOf, kernelDefinition } from '../src/gpu/kernel.ts';
import { type Target, targetOf } from '../src/gpu/target.ts';
import { mlp } from '../src/nn/architectures.ts';
import { matmul } from '../src/ops/matmul.ts';
import { describeGpu } from './support/device.ts';
import { openEmulated } from './support/emulated-halves.ts';
import type { KernelCase } from './support/case.ts';
import { choosing, discoverCases, recordCase, verifyCase } from './support/verify.ts';

/** Of a dispatch: larger ones take minutes. */
const MOST_FLOPS = 6e6;

const tables = await discoverCases();

const emulated = () => openEmulated('shader-f16', 'chromium-experimental-subgroup-matrix');

describeGpu(
  'mixed precision, emulated',
  (device) => {
    const matrices = targetOf(device, 'mixed');
    const tiles: Target = { ...matrices, features: new Set(['shader-f16']) };
    /** What a case runs on, and the kernels in f16 that all of them reach, with their constants. */
    const targets: readonly {
      readonly name: string;
      readonly targetFor: (one: KernelCase) => Target;
      /** Only cases that reach a form of a kernel first: all others run these kernels elsewhere, but for the rounding. */
      readonly firstOnly?: true;
      readonly reach: readonly string[];
    }[] = [
      {
        name: 'subgroup matrices',
        targetFor: () => matrices,
        reach: ['conv2d_matrix', 'conv2d_weight_matrix', 'matmul_matrix 0', 'matmul_pack'],
      },
      {
        name: 'their pieces ahead',
        targetFor: (one) => choosing(one, matrices, /^matmul_matrix ahead$/),
        firstOnly: true,
        reach: ['matmul_matrix 1', 'matmul_pack'],
      },
      {
        name: 'f16 tiles',
        targetFor: () => tiles,
        firstOnly: true,
        reach: ['conv2d_tile 64', 'conv2d_weight_tile 0', 'conv2d_weight_tile 1', 'matmul_tile 64'],
      },
      {
        name: 'wide f16 tiles',
        targetFor: (one) => choosing(one, tiles, /_tile 128 x\d+ f16$/),
        firstOnly: true,
        reach: [
          'conv2d_tile 128',
          'conv2d_tile 64',
          'conv2d_weight_tile 0',
          'conv2d_weight_tile 1',
          'matmul_tile 128',
        ],
      },
    ];

    for (const { name, targetFor, firstOnly, reach } of targets)
      describe(name, () => {
        const halvesOf = (one: KernelCase): AnyKernelCall<unknown>[] => {
          const target = targetFor(one);
          if (target.variants && Object.keys(target.variants).length === 0) return [];
          return recordCase(one, target).recording.dispatches.filter(({ kernel, constants }) =>
            featuresOf(kernelDefinition(kernel), constants ?? {}).includes('shader-f16'),
          );
        };
        const seen = new Set<string>();
        const cases = [...tables.values()].flat().filter((one) => {
          const calls = halvesOf(one);
          if (calls.length === 0 || calls.some(({ flops }) => flops >= MOST_FLOPS)) return false;
          const forms = calls.map(({ kernel, constants }) => JSON.stringify([kernel, constants]));
          const isFirst = forms.some((form) => !seen.has(form));
          for (const form of forms) seen.add(form);
          return isFirst || !firstOnly;
        });

        it('are all of the kernels in f16', () => {
          const reached = cases.flatMap(halvesOf).map(({ kernel, constants = {} }) => {
            const choice =
              constants['AHEAD'] ?? constants['OUTPUTS'] ?? constants['ONE_TAP'] ?? constants['TILE'];
            return choice === undefined ? kernel : `${kernel} ${choice}`;
          });
          expect([...new Set(reached)].sort()).toEqual(reach);
        });

        it.each(cases)('$name', async (one) => {
          expect((await verifyCase(device, one, targetFor(one))).problems).toEqual([]);
        });

        it('a factor beyond the largest f16 is infinite, and seen in the result', async () => {
          const size = 64;
          const factor = (large: number) => ({
            data: new Float32Array(size * size).fill(1).fill(large, 0, 1),
            shape: [size, size],
          });
          const problemsOf = async (large: number): Promise<readonly string[]> => {
            const one: KernelCase = {
              name: 'large',
              inputs: { a: factor(large), b: factor(1) },
              build: (graph, { a, b }) => ({ out: matmul(graph, a!, b!) }),
              reference: () => ({
                out: Float64Array.from({ length: size * size }, (_, i) => size - 1 + (i < size ? large : 1)),
              }),
            };
            return (await verifyCase(device, one, targetFor(one))).problems;
          };
          expect(await problemsOf(65504)).toEqual([]);
          expect(await problemsOf(65536)).toEqual([expect.stringMatching(/^out\[0\] is Infinity/)]);
        });
      });

    describe('training', () => {
      const DATA = dataset({ data: threefryUniforms(100 * 32, [1, 1]), shape: [100, 32] });
      const OPTIONS = {
        model: mlp({ sample: [32], latent: 32, hidden: [40] }),
        lambda: 5,
        batch: 48,
        seed: 1,
      } as const satisfies TrainerOptions;
      const MIXED = { ...OPTIONS, precision: 'mixed' } as const;

      async function train(
        options: TrainerOptions,
        steps: number,
        resume?: Checkpoint,
      ): Promise<{ last: TrainingReport; checkpoint: Checkpoint }> {
        using trainer = await Trainer.create(device, options, resume ? { resume } : {});
        let last: TrainingReport | undefined;
        for await (const report of trainer.run(DATA, { steps, reportEvery: 1 })) last = report;
        return { last: last!, checkpoint: await trainer.checkpoint() };
      }

      it('follows float32, and is not it', async () => {
        const { last } = await train(OPTIONS, 5);
        const { last: mixed } = await train(MIXED, 5);
        expect(mixed.objective).not.toBe(last.objective);
        expect(Math.abs(mixed.objective - last.objective)).toBeLessThan(2e-3 * Math.abs(last.objective));
        expect(mixed.lossScales).toEqual({
          generator: { scale: 65536, overflows: 0 },
          critic: { scale: 65536, overflows: 0 },
        });
      });

      it('resumed, continues bit for bit, its loss scales too', async () => {
        const whole = await train(MIXED, 6);
        const half = await train(MIXED, 3);
        const resumed = await train(MIXED, 6, half.checkpoint);
        expect(resumed.checkpoint).toEqual(whole.checkpoint);
        expect(resumed.checkpoint.state.get('guard')).toBeDefined();
      });

      it('finds a loss scale whose gradients f16 holds', async () => {
        const { checkpoint } = await train(MIXED, 1);
        const guard = checkpoint.state.get('guard')!.slice();
        new Float32Array(guard.buffer)[lossScaleAt('critic')] = 2 ** 28;
        const from = { ...checkpoint, state: new Map(checkpoint.state).set('guard', guard) };
        const { last } = await train(MIXED, 10, from);
        const { scale, overflows } = last.lossScales!.critic;
        expect(overflows).toBeGreaterThan(0);
        expect(scale).toBe(2 ** (28 - overflows));
        expect(last.lossScales!.generator.overflows).toBe(0);
      });
    });
  },
  emulated,
);
