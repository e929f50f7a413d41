/** The trainer: bits, resume, schedules, the skip rule, failures, reports, and what a steady step costs. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type Dataset, dataset } from '../src/data/dataset.ts';
import { gaussianData } from '../src/data/gaussian.ts';
import { threefryUniforms } from '../src/data/random.ts';
import type { Checkpoint } from '../src/gan/checkpoint.ts';
import {
  type TrainerOptions,
  averageDecayAt,
  lambdaAt,
  lambdaSchedule,
  trainerSettings,
} from '../src/gan/settings.ts';
import { type RunOptions, Trainer, type TrainingReport } from '../src/gan/trainer.ts';
import { type Device } from '../src/gpu/device.ts';
import { UserError } from '../src/gpu/errors.ts';
import { lacksForMixed, targetOf } from '../src/gpu/target.ts';
import { type Architecture, architecture, linear, mlp } from '../src/nn/architectures.ts';
import { adam, adamw, rmsprop, sgd } from '../src/nn/optimisers.ts';
import { describeGpu } from './support/device.ts';
import { drawOf, stepObjective, tensorsOf } from './support/training-twin.ts';

const DATA = dataset({ data: threefryUniforms(50 * 4, [1, 1]), shape: [50, 4], name: 'points' });
const MODEL = mlp({ sample: [4], latent: 3, hidden: [8] });
const OPTIONS = {
  model: MODEL,
  lambda: 0.5,
  batch: 16,
  seed: 1,
  averageDecay: 0,
} as const satisfies TrainerOptions;

/** Trains up to a number of steps and returns the reports. */
async function train(
  trainer: Trainer,
  options: number | RunOptions,
  data: Dataset = DATA,
): Promise<TrainingReport[]> {
  const reports: TrainingReport[] = [];
  const run = trainer.run(data, typeof options === 'number' ? { steps: options } : options);
  for await (const report of run) reports.push(report);
  return reports;
}

/** A trainer that is gone after the body. */
async function withTrainer<T>(
  device: Device,
  options: TrainerOptions,
  body: (trainer: Trainer) => Promise<T>,
  resume?: Checkpoint,
): Promise<T> {
  using trainer = await Trainer.create(device, options, resume ? { resume } : {});
  return await body(trainer); // not before the trainer goes
}

/** The checkpoint after a number of steps from scratch, or from another checkpoint. */
async function checkpointAt(
  device: Device,
  options: TrainerOptions,
  steps: number,
  resume?: Checkpoint,
): Promise<Checkpoint> {
  return withTrainer(
    device,
    options,
    async (trainer) => {
      await train(trainer, steps);
      return trainer.checkpoint();
    },
    resume,
  );
}

/** A hash of every bit of weights and optimiser state. */
function bitsOf({ model, generator, state }: Checkpoint): string {
  const hash = createHash('sha256');
  for (const weights of [model.generator, model.critic, generator ?? new Map()])
    for (const [name, { shape, data }] of weights) hash.update(`${name}[${shape}]`).update(data);
  for (const [name, words] of state) hash.update(name).update(words);
  return hash.digest('hex');
}

/** Updates that a network's optimiser has made. */
function updatesOf({ state }: Checkpoint, network: 'generator' | 'critic'): number {
  const counts = new Set(state.get(`${network}.count`));
  expect(counts.size).toBe(1); // every invocation counts the same
  return [...counts][0]!;
}

describe('trainer settings', () => {
  const wrong: [object, string][] = [
    [{ lamda: 1 }, 'trainer: unknown option lamda; known: model, objective, cost, form, generatorLoss'],
    [{ model: undefined }, 'trainer: model is missing; give one, as in model: mlp('],
    [{ cost: 'l3' }, 'trainer: cost is "l3"; known: l1, squared, half-squared, cosine'],
    [{ form: 'log' }, 'trainer: form is "log"; known: exp, logmeanexp, hinge'],
    [{ generatorLoss: 'both' }, 'trainer: generatorLoss is "both"; known: dual, primal'],
    [{ batch: 0 }, 'trainer: batch is 0; must be a whole number of 1 or more'],
    [
      {
        batch: 1,
        model: { ...MODEL, generator: [{ kind: 'dense', units: 4 }, { kind: 'batch-norm' }] },
      },
      'trainer: batch is 1, but the generator has a batch norm',
    ],
    [{ criticSteps: 1.5 }, 'trainer: criticSteps is 1.5; must be a whole number of 1 or more'],
    [{ seed: -1 }, 'trainer: seed is -1; must be a whole number of 0 or more'],
    [{ averageDecay: 1 }, 'trainer: averageDecay is 1; must be at least 0 and below 1'],
    [{ lambda: undefined }, 'lambda: is undefined; give a number, or a schedule as in [[0, 10], [49, 8]]'],
    [{ lambda: 0 }, 'lambda: is 0 from iteration 0 on; must be a finite number above 0'],
    [{ lambda: Number.NaN }, 'lambda: is NaN from iteration 0 on'],
    [{ lambda: 1e-50 }, 'lambda: is 1e-50 from iteration 0 on'],
    [{ lambda: [[1, 5]] }, 'lambda: a schedule must start at iteration 0, as in [[0, 10], [49, 8]]'],
    [
      {
        lambda: [
          [0, 5],
          [9, 4],
          [9, 3],
        ],
      },
      'lambda: iterations must be whole and rise, got 0, 9, 9',
    ],
    [
      {
        lambda: [
          [0, 5],
          [9, -4],
        ],
      },
      'lambda: is -4 from iteration 9 on',
    ],
    [{ generator: adam({ rate: 0 }) }, 'trainer: generator.rate is 0; must be a finite number above 0'],
    [{ critic: adam({ rate: 1, beta2: 1 }) }, 'trainer: critic.beta2 is 1; must be at least 0 and below 1'],
    [
      { critic: sgd({ rate: 1, clipNorm: -1 }) },
      'trainer: critic.clipNorm is -1; must be a finite number of 0',
    ],
    [
      { critic: { ...adam({ rate: 1 }), kind: 'lion' } },
      'trainer: critic.kind is "lion"; known: adam, adamw',
    ],
    [{ model: { ...MODEL, latent: 0 } }, 'architecture: latent is 0; must be a whole number of 1 or more'],
    [{ model: { ...MODEL, sample: [5] } }, 'architecture: the generator gives 4 values, a sample [5] has 5'],
    [
      { model: { ...MODEL, generator: [{ kind: 'conv', units: 4 }] } },
      `layer layers.0: unknown kind "conv"; known: dense, conv2d, conv2d-transpose, batch-norm, quadratic, crop, reshape, flatten`,
    ],
    [{ model: { ...MODEL, generator: [null] } }, 'layer layers.0: unknown kind undefined; known: dense'],
    [
      { model: { ...MODEL, generator: [{ kind: 'dense', units: 4, activation: 'gelu' }] } },
      'layer layers.0: unknown activation "gelu"; known: linear, relu',
    ],
    [
      { model: { ...MODEL, generator: [{ kind: 'dense', units: 4, activaton: 'relu' }] } },
      'layer layers.0: dense has no activaton; it takes kind, units, bias, activation, slope',
    ],
    [
      { model: { ...MODEL, generator: [{ kind: 'dense', units: 4, activation: 'leaky-relu', slope: -1 }] } },
      'layer layers.0: slope is -1; must be a finite number of 0 or more',
    ],
    [
      { model: { ...MODEL, critic: { real: [], fake: [] } } },
      'architecture: critic.real gives 4 values a sample',
    ],
  ];
  for (const [change, message] of wrong) {
    it(message.slice(0, 60), () => {
      const options = { ...OPTIONS, ...change } as TrainerOptions;
      expect(() => trainerSettings(options)).toThrow(UserError);
      expect(() => trainerSettings(options)).toThrow(message);
    });
  }

  it('give λ at an iteration', () => {
    const schedule = lambdaSchedule([
      [0, 10],
      [49, 8],
      [99, 6.4],
    ]);
    expect([0, 48, 49, 98, 99, 5000].map((i) => lambdaAt(schedule, i))).toEqual([10, 10, 8, 8, 6.4, 6.4]);
  });
});

/** Counts the calls that a GPUDevice gets, which go through. */
function countCalls(device: Device): { counts: Record<string, number>; restore: () => void } {
  const counts: Record<string, number> = {};
  const restores: (() => void)[] = [];
  const watch = (target: object, names: readonly string[]): void => {
    for (const name of names) {
      const method = (target as Record<string, (...args: unknown[]) => unknown>)[name]!;
      counts[name] = 0;
      Object.defineProperty(target, name, {
        configurable: true,
        value: (...args: unknown[]) => {
          counts[name]!++;
          return method.apply(target, args);
        },
      });
      restores.push(() => Reflect.deleteProperty(target, name));
    }
  };
  const creators = ['Buffer', 'BindGroup', 'BindGroupLayout', 'ShaderModule', 'ComputePipeline', 'QuerySet'];
  watch(device.gpu, [...creators.map((what) => `create${what}`), 'createComputePipelineAsync']);
  watch(device.gpu.queue, ['submit', 'writeBuffer']);
  return { counts, restore: () => restores.forEach((restore) => restore()) };
}

/** E log N(y; b, AAᵀ + λI) for y ~ N(0, Σ), d = 2; `weight` is Aᵀ, [r, 2]. */
function expectedLogLikelihood(
  weight: Float32Array,
  bias: Float32Array,
  lambda: number,
  covariance: Float64Array,
): number {
  let [a, b, c] = [lambda, 0, lambda];
  for (let k = 0; k < weight.length / 2; k++) {
    const [x, y] = [weight[2 * k]!, weight[2 * k + 1]!];
    a += x * x;
    b += x * y;
    c += y * y;
  }
  const determinant = a * c - b * b;
  const [p, q, r] = [
    covariance[0]! + bias[0]! ** 2,
    covariance[1]! + bias[0]! * bias[1]!,
    covariance[3]! + bias[1]! ** 2,
  ];
  const trace = (c * p - 2 * b * q + a * r) / determinant; // tr S⁻¹(Σ + bbᵀ)
  return -0.5 * (2 * Math.log(2 * Math.PI) + Math.log(determinant) + trace);
}

/** Its largest value: S has the eigenvalues max(Λ, λ) of Σ's basis, the optimum of a linear generator. */
function bestLogLikelihood(covariance: Float64Array, lambda: number): number {
  const [p, q, r] = [covariance[0]!, covariance[1]!, covariance[3]!];
  const root = Math.hypot((p - r) / 2, q);
  return [(p + r) / 2 + root, (p + r) / 2 - root].reduce((s, e) => {
    const v = Math.max(e, lambda);
    return s - 0.5 * (Math.log(2 * Math.PI * v) + e / v);
  }, 0);
}

// One device for all: its pipelines are compiled once.
describeGpu('the trainer', (device) => {
  describe('training', () => {
    it('gives the same bits for the same seed, others for another', async () => {
      const [one, again, other] = await Promise.all(
        [1, 1, 2].map((seed) => checkpointAt(device, { ...OPTIONS, seed }, 12)),
      );
      expect(bitsOf(again!)).toBe(bitsOf(one!));
      expect(bitsOf(other!)).not.toBe(bitsOf(one!));
    });

    it('does not depend on how many iterations go into a submit, nor on reports', async () => {
      const expected = bitsOf(await checkpointAt(device, OPTIONS, 70));
      const bits = await withTrainer(device, OPTIONS, async (trainer) => {
        for (const step of [1, 2, 3]) await train(trainer, step);
        const reports = await train(trainer, { steps: 30, reportEvery: 1 });
        expect(reports.map(({ step }) => step)).toEqual(Array.from({ length: 27 }, (_, i) => i + 4));
        await train(trainer, 70);
        return bitsOf(await trainer.checkpoint());
      });
      expect(bits).toBe(expected);
    });

    const OPTIMISERS: Readonly<Record<string, Partial<TrainerOptions>>> = {
      adam: { generator: adam({ rate: 1e-3 }), critic: adam({ rate: 1e-3 }) },
      'adamw, clipped': { generator: adamw({ rate: 1e-3, clipNorm: 0.1 }), critic: adamw({ rate: 1e-3 }) },
      'rmsprop, averaged': {
        generator: rmsprop({ rate: 1e-3 }),
        critic: rmsprop({ rate: 1e-3 }),
        averageDecay: 0.9,
      },
      'sgd with momentum': { generator: sgd({ rate: 0.1, momentum: 0.9 }), critic: sgd({ rate: 0.1 }) },
      'skip rule, schedule, three critic steps': {
        skipRule: true,
        criticSteps: 3,
        averageDecay: 0.5,
        lambda: [
          [0, 1],
          [8, 0.5],
        ],
      },
    };
    for (const [name, choice] of Object.entries(OPTIMISERS)) {
      it(`resumed, continues as if it had never stopped: ${name}`, async () => {
        const options = { ...OPTIONS, ...choice };
        const expected = await checkpointAt(device, options, 14);
        const half = await checkpointAt(device, options, 5);
        expect(half.model.configuration.steps).toBe(5);
        expect(half.generator !== undefined).toBe((choice.averageDecay ?? 0) > 0);
        const resumed = await checkpointAt(device, options, 14, half);
        expect(bitsOf(half)).not.toBe(bitsOf(expected));
        expect(bitsOf(resumed)).toBe(bitsOf(expected));
        expect(resumed.model.configuration).toEqual(expected.model.configuration);
      });
    }

    it('resumed in mixed precision, continues with the loss scales that it had', async ({ skip }) => {
      skip(lacksForMixed(targetOf(device)).length > 0, 'this device has no f16, or is a software adapter');
      const options = { ...OPTIONS, precision: 'mixed' } as const;
      const expected = await checkpointAt(device, options, 14);
      const resumed = await checkpointAt(device, options, 14, await checkpointAt(device, options, 5));
      expect(bitsOf(resumed)).toBe(bitsOf(expected));
      expect(resumed.state.get('guard')).toEqual(expected.state.get('guard'));
    });

    it('refuses mixed precision on a device without f16', async ({ skip }) => {
      skip(device.gpu.features.has('shader-f16') && device.adapter.kind === 'hardware', 'this device has it');
      await expect(Trainer.create(device, { ...OPTIONS, precision: 'mixed' })).rejects.toThrow(
        /precision is mixed, but this device has no .*shader-f16/,
      );
    });

    it('refuses a checkpoint made with other settings', async () => {
      const resume = await checkpointAt(device, OPTIONS, 1);
      const wrong: [Partial<TrainerOptions>, string][] = [
        [
          { critic: rmsprop({ rate: 1 }) },
          'checkpoint: its optimiser of the critic is adam, the settings ask for rmsprop',
        ],
        [
          { model: mlp({ sample: [4], latent: 3, hidden: [9] }) },
          'checkpoint: generator.layers.0.weight is [3,8], the settings ask for [3,9]',
        ],
      ];
      for (const [change, message] of wrong)
        await expect(Trainer.create(device, { ...OPTIONS, ...change }, { resume })).rejects.toThrow(message);
      const cut = { ...resume, state: new Map([...resume.state].slice(1)) };
      await expect(Trainer.create(device, OPTIONS, { resume: cut })).rejects.toThrow(
        /^checkpoint: generator\.moments holds 0 bytes, the settings ask for \d+; resume with the settings/,
      );
      expect(device.liveBuffers).toBe(0);
    });

    it('applies a schedule of λ at its iterations', async () => {
      const lambda = [
        [0, 2],
        [3, 1],
        [4, 0.5],
      ] as const;
      const scheduled = await withTrainer(device, { ...OPTIONS, lambda }, async (trainer) => {
        const reports = await train(trainer, { steps: 6, reportEvery: 1 });
        expect(reports.map((report) => report.lambda)).toEqual([2, 2, 2, 1, 0.5, 0.5]);
        return trainer.checkpoint();
      });
      let byHand: Checkpoint | undefined;
      for (const [steps, value] of [
        [3, 2],
        [4, 1],
        [6, 0.5],
      ] as const)
        byHand = await checkpointAt(device, { ...OPTIONS, lambda: value }, steps, byHand);
      expect(bitsOf(byHand!)).toBe(bitsOf(scheduled));
    });

    it('makes criticSteps critic updates for each of the generator', async () => {
      const found = await checkpointAt(device, { ...OPTIONS, criticSteps: 3 }, 5);
      expect(updatesOf(found, 'critic')).toBe(15);
      expect(updatesOf(found, 'generator')).toBe(5);
    });

    it('skips the generator at iteration 0 and while mean D₂(fake) ≥ mean D₁(real)', async () => {
      const options = { ...OPTIONS, skipRule: true, criticSteps: 1, critic: adam({ rate: 0.02 }), seed: 4 };
      const settings = trainerSettings(options);
      await withTrainer(device, options, async (trainer) => {
        const initial = await checkpointAt(device, options, 1);
        let before = initial; // only its generator matters, and that was not updated
        let updates = 0;
        for (let step = 1; step <= 16; step++) {
          await train(trainer, step);
          const now = await trainer.checkpoint();
          // The generator step of this iteration saw the critics as they are now and the generator as it was.
          const { meanCriticReal, meanCriticFake } = stepObjective({
            settings,
            lambda: 0.5,
            ...drawOf(settings, DATA, 2 * (step - 1) + 1),
            generator: tensorsOf(before.model.generator),
            critic: tensorsOf(now.model.critic),
          });
          const skipped = step === 1 || meanCriticFake >= meanCriticReal;
          updates += skipped ? 0 : 1;
          expect(updatesOf(now, 'generator'), `step ${step}`).toBe(updates);
          expect(updatesOf(now, 'critic')).toBe(step);
          expect(now.model.configuration.steps).toBe(step);
          const same = [...now.model.generator].every(([name, { data }]) =>
            Buffer.from(data.buffer).equals(Buffer.from(before.model.generator.get(name)!.data.buffer)),
          );
          expect(same).toBe(skipped);
          before = now;
        }
        expect(updates).toBeGreaterThan(2);
        expect(updates).toBeLessThan(14); // both happened, beside iteration 0
      });
    });

    it('reports what float64 finds for the same weights and batch', async () => {
      for (const form of ['exp', 'logmeanexp', 'hinge'] as const) {
        const options = { ...OPTIONS, form, criticSteps: 1, lambda: 0.25 };
        const settings = trainerSettings(options);
        await withTrainer(device, options, async (trainer) => {
          await train(trainer, 4);
          const before = await trainer.checkpoint();
          const [report] = await train(trainer, 5);
          const after = await trainer.checkpoint();
          const objectiveOf = (draw: number, critics: Checkpoint) =>
            stepObjective({
              settings,
              lambda: 0.25,
              ...drawOf(settings, DATA, draw),
              generator: tensorsOf(before.model.generator),
              critic: tensorsOf(critics.model.critic),
            });
          const { p: _p, costs: _costs, ...expected } = objectiveOf(8, before);
          for (const [name, value] of Object.entries(expected))
            expect(report![name as keyof typeof expected], name).toBeCloseTo(value, 4);
          expect(report!.generatorObjective).toBeCloseTo(objectiveOf(9, after).objective, 4);
          expect(report!.clippedPairs).toBe(0);
          expect(report).toMatchObject({ step: 5, lambda: 0.25 });
        });
      }
    });

    it('reports every k steps and at the last', async () => {
      await withTrainer(device, OPTIONS, async (trainer) => {
        const steps = async (options: RunOptions): Promise<number[]> =>
          (await train(trainer, options)).map(({ step }) => step);
        expect(await steps({ steps: 12, reportEvery: 5 })).toEqual([5, 10, 12]);
        expect(await steps({ steps: 12, reportEvery: 5 })).toEqual([]);
        expect(await steps({ steps: 20, reportEvery: 5 })).toEqual([15, 20]);
        expect(trainer.steps).toBe(20);
      });
    });

    it('averages the generator, and the average is the model', async () => {
      const options = { ...OPTIONS, averageDecay: 0.5 };
      await withTrainer(device, options, async (trainer) => {
        let average: ReturnType<typeof tensorsOf> | undefined;
        for (let step = 1; step <= 12; step++) {
          await train(trainer, step);
          const { model, generator } = await trainer.checkpoint();
          const own = tensorsOf(generator!);
          const found = tensorsOf(model.generator);
          const decay = averageDecayAt(0.5, step - 1);
          expect(decay).toBe(Math.min(0.5, step / (9 + step)));
          for (const [name, values] of average ?? [])
            values.forEach((value, i) => {
              expect(found.get(name)![i]).toBeCloseTo(decay * value + (1 - decay) * own.get(name)![i]!, 6);
            });
          average = found;
        }
      });
    });

    const LISTS: Readonly<Record<string, Architecture>> = {
      'separate critics': mlp({ sample: [4], latent: 3, hidden: [8], sharedTrunk: false, output: 'linear' }),
      linear: linear({ sample: [2, 2], latent: 2, hidden: [] }),
      'layers of my own': architecture({
        sample: [2, 2, 1],
        latent: 5,
        generator: [
          { kind: 'dense', units: 7, activation: 'leaky-relu', slope: 0.1, bias: false },
          { kind: 'dense', units: 4, activation: 'tanh' },
        ],
        critic: {
          real: [{ kind: 'dense', units: 1, bias: false }],
          fake: [
            { kind: 'dense', units: 3, activation: 'softplus' },
            { kind: 'dense', units: 1 },
          ],
        },
      }),
    };
    for (const [name, model] of Object.entries(LISTS)) {
      it(`trains ${name}`, async () => {
        await withTrainer(device, { ...OPTIONS, model }, async (trainer) => {
          const initial = await trainer.sample(5);
          await train(trainer, 3);
          const trained = await trainer.sample(5);
          expect(trained).toHaveLength(20);
          expect(trained.every(Number.isFinite)).toBe(true);
          expect([...trained]).not.toEqual([...initial]);
        });
      });
    }

    it('samples the same for the same seed, whatever the count', async () => {
      await withTrainer(device, OPTIONS, async (trainer) => {
        const many = await trainer.sample(300, { seed: 5 });
        expect([...(await trainer.sample(3, { seed: 5 }))]).toEqual([...many.subarray(0, 12)]);
        expect([...(await trainer.sample(3, { seed: 6 }))]).not.toEqual([...many.subarray(0, 12)]);
        expect(new Set(many.filter((_, i) => i % 4 === 0)).size).toBeGreaterThan(290);
      });
    });
  });

  describe('a run that ends early', () => {
    /** Trains with a report a step until the error that must come; returns the last step that was reported. */
    async function trainToFailure(trainer: Trainer): Promise<number> {
      let last = 0;
      const failing = (async () => {
        for await (const { step, objective } of trainer.run(DATA, { steps: 50, reportEvery: 1 })) {
          expect(Number.isFinite(objective)).toBe(true);
          last = step;
        }
      })();
      await expect(failing).rejects.toThrow(UserError);
      await expect(failing).rejects.toThrow(
        `training: the objective or a gradient is no longer finite by step ${last + 1}, and the weights change no more; raise lambda, lower the rates, or take the logmeanexp form`,
      );
      await expect(trainer.checkpoint()).rejects.toThrow('no longer finite');
      return last;
    }

    it('stops where the objective is no longer finite, the weights at the last finite step', async () => {
      // From iteration 3 on, v/λ exceeds what a float holds.
      const lambda = [
        [0, 0.5],
        [3, 1e-38],
      ] as const;
      await withTrainer(device, { ...OPTIONS, lambda }, async (trainer) => {
        expect(await trainToFailure(trainer)).toBe(3);
        const left = await trainer.sample(20);
        await expect(train(trainer, 60)).rejects.toThrow('no longer finite');
        expect([...(await trainer.sample(20))]).toEqual([...left]);
        const good = await withTrainer(device, { ...OPTIONS, lambda }, async (other) => {
          await train(other, 3);
          return other.sample(20);
        });
        expect([...left]).toEqual([...good]);
      });
    });

    it('stops where the exp form and a large rate blow up, with finite weights', async () => {
      for (const [lambda, rate] of [
        [1e-3, 1e3],
        [0.02, 1],
      ] as const) {
        const critic = sgd({ rate });
        const options = { ...OPTIONS, form: 'exp', lambda, criticSteps: 1, critic } as const;
        await withTrainer(device, options, async (trainer) => {
          await trainToFailure(trainer); // at the first step or later, as the weights are drawn
          const left = await trainer.sample(20);
          expect(left.every(Number.isFinite)).toBe(true);
          await expect(train(trainer, 60)).rejects.toThrow('no longer finite');
          expect([...(await trainer.sample(20))]).toEqual([...left]);
        });
      }
    });

    it('stops at a signal after the iterations under way, and can go on', async () => {
      const expected = bitsOf(await checkpointAt(device, OPTIONS, 400));
      await withTrainer(device, OPTIONS, async (trainer) => {
        const controller = new AbortController();
        const seen: number[] = [];
        for await (const { step } of trainer.run(DATA, {
          steps: 400,
          reportEvery: 2,
          signal: controller.signal,
        })) {
          seen.push(step);
          if (step === 4) controller.abort();
        }
        expect(trainer.steps).toBeGreaterThanOrEqual(4);
        expect(trainer.steps).toBeLessThan(300);
        expect(seen.at(-1)).toBe(2 * Math.floor(trainer.steps / 2)); // what was under way is reported
        expect((await trainer.checkpoint()).model.configuration.steps).toBe(trainer.steps);
        expect(await train(trainer, { steps: 400, signal: controller.signal })).toEqual([]);
        await train(trainer, 400);
        expect(bitsOf(await trainer.checkpoint())).toBe(expected);
      });
    });

    it('may be left by its caller and run again at once', async () => {
      const expected = bitsOf(await checkpointAt(device, OPTIONS, 80));
      await withTrainer(device, OPTIONS, async (trainer) => {
        for (let i = 0; i < 3; i++) {
          for await (const { step } of trainer.run(DATA, { steps: 60, reportEvery: 1 })) if (step > 0) break;
        }
        await train(trainer, 80);
        expect(bitsOf(await trainer.checkpoint())).toBe(expected);
      });
    });

    it('is one at a time', async () => {
      await withTrainer(device, OPTIONS, async (trainer) => {
        const first = trainer.run(DATA, { steps: 20, reportEvery: 1 });
        await first.next();
        await expect(train(trainer, 30)).rejects.toThrow(
          'trainer: run() is already under way; await its end, or leave its loop, first',
        );
        await first.return();
        await train(trainer, 30);
      });
    });

    it('cannot be used once it is disposed, also in the middle of a run', async () => {
      const trainer = await Trainer.create(device, OPTIONS);
      const run = trainer.run(DATA, { steps: 1000, reportEvery: 1 });
      await run.next();
      trainer.dispose();
      trainer.dispose();
      expect(device.liveBuffers).toBe(0);
      const message = 'trainer: used after dispose(); create a new one';
      await expect(
        (async () => {
          while (!(await run.next()).done);
        })(),
      ).rejects.toThrow(message);
      await expect(train(trainer, 1)).rejects.toThrow(message);
      await expect(trainer.checkpoint()).rejects.toThrow(message);
      await expect(trainer.sample(1)).rejects.toThrow(message);
    });
  });

  it('frees what it was about to use where it is disposed while it prepares, samples or runs', async () => {
    const message = 'trainer: used after dispose(); create a new one';
    for (const work of [(trainer: Trainer) => train(trainer, 5), (trainer: Trainer) => trainer.sample(600)]) {
      const trainer = await Trainer.create(device, OPTIONS);
      const pending = work(trainer);
      trainer.dispose();
      await expect(pending).rejects.toThrow(message);
    }
    const trainer = await Trainer.create(device, OPTIONS);
    const pending = train(trainer, { steps: 1_000_000, reportEvery: 1 });
    setTimeout(() => trainer.dispose(), 300);
    await expect(pending).rejects.toThrow(message);
    await device.idle();
    expect(device.liveBuffers).toBe(0);
  });

  describe('wrong input to a trainer', () => {
    it('is named, with its value and the fix', async () => {
      await withTrainer(device, OPTIONS, async (trainer) => {
        const wide = dataset({ data: new Float32Array(10), shape: [2, 5], name: 'wide' });
        await expect(train(trainer, 1, wide)).rejects.toThrow(
          'trainer: samples of wide have shape [5] (5 values), the model was made for [4] (4); give the model sample: [5]',
        );
        for (const [options, message] of [
          [{ steps: 0 }, 'trainer: steps is 0; must be a whole number of 1 or more'],
          [{ steps: 2.5 }, 'trainer: steps is 2.5; must'],
          [{ steps: 5, reportEvery: 0 }, 'trainer: reportEvery is 0; must be a whole number of 1 or more'],
        ] as const)
          await expect(train(trainer, options)).rejects.toThrow(message);
        await expect(trainer.sample(0)).rejects.toThrow(
          'sample: count is 0; must be a whole number of 1 or more',
        );
        await expect(trainer.sample(1, { seed: -1 })).rejects.toThrow('sample: seed is -1; must');
        await train(trainer, 1); // none of it has done harm
      });
      await expect(Trainer.create(device, { ...OPTIONS, batch: 0 })).rejects.toThrow(UserError);
      expect(() => dataset({ data: Float32Array.of(1, Number.NaN), shape: [1, 2], name: 'holes' })).toThrow(
        'holes: sample 0, value [1] is NaN; every value must be a finite number',
      );
    });
  });

  describe('what a steady step costs', () => {
    it('at most 40 dispatches for critic and generator, two critics of their own', async () => {
      const model = architecture({
        sample: [784],
        latent: 64,
        generator: [
          { kind: 'dense', units: 256, activation: 'relu' },
          { kind: 'dense', units: 256, activation: 'relu' },
          { kind: 'dense', units: 784, activation: 'sigmoid' },
        ],
        critic: {
          real: [
            { kind: 'dense', units: 256, activation: 'relu' },
            { kind: 'dense', units: 1 },
          ],
          fake: [
            { kind: 'dense', units: 256, activation: 'relu' },
            { kind: 'dense', units: 1 },
          ],
        },
      });
      const images = dataset({ data: new Uint8Array(128 * 784).fill(7), shape: [128, 784] });
      const options = { model, form: 'exp', lambda: 40, batch: 64, criticSteps: 1 } as const;
      await withTrainer(device, options, async (trainer) => {
        expect(trainer.dispatches).toBeUndefined();
        await train(trainer, 1, images);
        const { critic, generator } = trainer.dispatches!;
        console.log(`MLP step: ${critic} dispatches for the critics + ${generator} for the generator`);
        expect(critic + generator).toBeLessThanOrEqual(40);
        expect(trainer.describe().split('\n')).toHaveLength(critic + generator + 2);
      });
    });

    it('creates nothing, uploads its params only, and shares its submit with others', async () => {
      await withTrainer(device, { ...OPTIONS, averageDecay: 0.9 }, async (trainer) => {
        await train(trainer, 20);
        const before = { ...device.counters };
        const { liveBuffers, liveBytes } = device;
        const { counts, restore } = countCalls(device);
        try {
          await train(trainer, { steps: 420, reportEvery: 25 });
        } finally {
          restore();
        }
        const { submit = 0, writeBuffer, ...created } = counts;
        console.log(`400 steps in ${submit} submits`);
        expect(
          Object.values(created).every((count) => count === 0),
          JSON.stringify(created),
        ).toBe(true);
        expect(writeBuffer).toBe(submit);
        expect(submit).toBeLessThan(400 / 2); // 14 on a machine that is not busy otherwise
        const after = { ...device.counters };
        expect(after).toEqual({
          ...before,
          submits: before.submits + submit,
          uploads: before.uploads + submit,
          uploadedBytes: after.uploadedBytes,
        });
        // Of the dispatches of a step, these few have params of their own: batch, latents, objective (3), updates.
        expect(after.uploadedBytes - before.uploadedBytes).toBeLessThanOrEqual(400 * 20 * 256);
        expect({ liveBuffers: device.liveBuffers, liveBytes: device.liveBytes }).toEqual({
          liveBuffers,
          liveBytes,
        });
      });
      expect(device.liveBuffers).toBe(0);
      expect(device.liveBytes).toBe(0);
    });

    it.skipIf(!device.gpu.features.has('timestamp-query'))(
      'is timed on request, to the same bits',
      async () => {
        const expected = bitsOf(await checkpointAt(device, OPTIONS, 6));
        using trainer = await Trainer.create(device, OPTIONS, { profile: true });
        await train(trainer, 6);
        const table = trainer.profile();
        expect(table.reduce((calls, row) => calls + row.calls, 0)).toBe(
          6 * (2 * trainer.dispatches!.critic + trainer.dispatches!.generator),
        );
        expect(bitsOf(await trainer.checkpoint())).toBe(expected);
      },
    );
  });

  describe('learning', () => {
    it('a linear generator finds the law of Gaussian data', async () => {
      const { dataset: data, covariance } = gaussianData({ dims: 2, limit: 5000 });
      const options: TrainerOptions = {
        model: linear({ sample: [2], latent: 2, hidden: [32] }),
        lambda: 20,
        batch: 64,
        generator: adam({ rate: 0.03, beta1: 0.5, beta2: 0.99 }),
        critic: adam({ rate: 0.03, beta1: 0.5, beta2: 0.99 }),
      };
      const expected = (checkpoint: Checkpoint): number => {
        const at = (name: string): Float32Array => checkpoint.model.generator.get(name)!.data;
        return expectedLogLikelihood(at('layers.0.weight'), at('layers.0.bias'), 20, covariance);
      };
      await withTrainer(device, options, async (trainer) => {
        const values = [expected(await trainer.checkpoint())];
        for (const steps of [100, 200, 300]) {
          await train(trainer, steps, data);
          values.push(expected(await trainer.checkpoint()));
        }
        const optimum = bestLogLikelihood(covariance, 20);
        console.log(
          `expected log-likelihood: ${values.map((v) => v.toFixed(3)).join(', ')}; optimum ${optimum.toFixed(3)}`,
        );
        expect(values[0]!).toBeLessThan(optimum - 0.5);
        expect(values.at(-1)!).toBeGreaterThan(optimum - 0.05);
        for (const value of values) expect(value).toBeLessThanOrEqual(optimum);
      });
    });
  });
});
