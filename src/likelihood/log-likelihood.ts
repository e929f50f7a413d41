/** Log-likelihoods of observations under a generator, for arrays that the caller has: one call, arrays in and out. */
import type { Device, OwnedBuffer } from '../gpu/device.ts';
import { UserError } from '../gpu/errors.ts';
import { Plan } from '../gpu/plan.ts';
import { targetOf } from '../gpu/target.ts';
import { Graph, type Tensor, sizeOf } from '../graph/graph.ts';
import { schedule } from '../graph/schedule.ts';
import {
  LIKELIHOOD_COSTS,
  type LikelihoodCost,
  LONGEST_TAIL,
  STATE_FLOATS,
  likelihoodAccumulate,
  likelihoodBlock,
  tailCapacity,
  tailOf,
} from '../ops/log-likelihood.ts';
import {
  type ImportanceEstimates,
  type LikelihoodEstimates,
  finishImportance,
  finishLikelihood,
} from './finish.ts';
import { isPositiveFloat } from './log-normaliser.ts';
import { tailLength } from './pareto.ts';

/** Float32 values and their shape, row-major. */
export interface FloatArray {
  readonly data: Float32Array<ArrayBuffer>;
  readonly shape: readonly number[];
}

/** N observations of d values, and K latents of r values with what the networks make of them. */
export interface ImportanceInputs {
  /** y, [N, d]. */
  readonly observations: FloatArray;
  /** G(x_k): one bank for all observations, [K, d], or one for each, [N, K, d]. */
  readonly generated: FloatArray;
  /** x_k: [K, r] or [N, K, r], as `generated`. */
  readonly latents?: FloatArray;
  /** D₂(G(x_k)), K or N·K values. */
  readonly criticFake?: Float32Array<ArrayBuffer> | FloatArray;
  /** log q(x_k) of the proposals that the latents were drawn from, K or N·K values. Default: the prior N(0, I). */
  readonly logQ?: Float32Array<ArrayBuffer> | FloatArray;
  /** Cost l of the model f(y|x) = C exp(−l(y, G(x))/λ); see docs/mathematics.md §1. */
  readonly cost: LikelihoodCost;
  /** λ > 0, in units of the cost. */
  readonly lambda: number;
  /** Whether to keep the largest log-weights for Pareto k̂. Default true. */
  readonly paretoK?: boolean;
  /** Stops between chunks of work. */
  readonly signal?: AbortSignal;
}

export type LikelihoodInputs = ImportanceInputs & Required<Pick<ImportanceInputs, 'latents' | 'criticFake'>>;

/**
 * Estimates log f(y) of each observation under f(y|x) = C exp(−l(y, G(x))/λ), x ~ N(0, I_r), from K latents:
 * the importance-weighted L_K, the surrogate S_K ≤ L_K with its components, and how far to trust them (docs/mathematics.md §4).
 * Both are lower bounds of log f(y) in expectation. Without `criticFake` only what needs no critic is returned: with
 * training samples for `generated`, that is a Parzen window. Memory on the GPU does not grow with K nor with N.
 * @returns arrays over observations; nats, on the scale of the pixels given.
 * @throws UserError on shapes that disagree, non-finite data, λ ≤ 0, K = 0, or a cost without a normaliser.
 */
export function logLikelihood(device: Device, inputs: LikelihoodInputs): Promise<LikelihoodEstimates>;
export function logLikelihood(device: Device, inputs: ImportanceInputs): Promise<ImportanceEstimates>;
export async function logLikelihood(
  device: Device,
  inputs: ImportanceInputs,
): Promise<LikelihoodEstimates | ImportanceEstimates> {
  const checked = check(inputs);
  const { n, k, d, r, perObservation } = checked;
  const { cost, lambda, signal } = inputs;
  const { rows, chunk } = likelihoodBlock(targetOf(device), checked);
  const kept = inputs.paretoK === false ? 0 : Math.min(k, tailLength(k) + 1, LONGEST_TAIL);
  const states = new Float32Array(n * STATE_FLOATS);
  const tails = new Float32Array(n * kept);

  const graph = new Graph();
  const owned: OwnedBuffer[] = [];
  const externals: Record<string, GPUBuffer> = {};
  const external = (name: string, shape: readonly number[], type: 'f32' | 'u32' = 'f32'): Tensor => {
    const buffer = device.storage(`likelihood.${name}`, sizeOf(shape) * 4);
    owned.push(buffer);
    externals[name] = buffer.buffer;
    return graph.external(name, shape, { buffer: name, offset: 0 }, type);
  };
  const bank = perObservation ? [rows, chunk] : [chunk];
  try {
    const observations = external('observations', [rows, d]);
    const state = external('state', [rows, STATE_FLOATS]);
    const stride = 2 + tailCapacity(rows, { length: kept, latents: k, chunk });
    const tail =
      kept > 0 ? { keys: external('tail', [rows, stride], 'u32'), length: kept, latents: k } : undefined;
    // What comes in chunks: the host's values, how many belong to a latent, and the tensor.
    const streams = checked.streams.map(({ name, data, each }) => ({
      name,
      data,
      width: sizeOf(each),
      tensor: external(name, [...bank, ...each]),
    }));
    const stream = (name: StreamName): Tensor | undefined => streams.find((s) => s.name === name)?.tensor;
    const [latents, critic, logQ] = [stream('latents'), stream('criticFake'), stream('logQ')];
    likelihoodAccumulate(graph, {
      observations,
      generated: stream('generated') as Tensor,
      ...(latents ? { latents } : {}),
      ...(critic ? { critic } : {}),
      ...(logQ ? { logQ } : {}),
      state,
      ...(tail ? { tail } : {}),
      cost,
      lambda,
      validCount: { step: 'validCount' },
      first: { step: 'first' },
    });
    const { recording } = schedule(graph, targetOf(device));
    using plan = await Plan.create(device, { chunk: recording }, externals, { phasesPerRun: 1 });
    for (let row = 0; row < n; row += rows) {
      const rowCount = Math.min(rows, n - row);
      device.upload(
        externals['observations'] as GPUBuffer,
        0,
        inputs.observations.data.subarray(row * d, (row + rowCount) * d),
      );
      for (let start = 0; start < k; start += chunk) {
        signal?.throwIfAborted();
        const validCount = Math.min(chunk, k - start);
        for (const { name, data, width } of streams) {
          const buffer = externals[name] as GPUBuffer;
          if (!perObservation)
            device.upload(buffer, 0, data.subarray(start * width, (start + validCount) * width));
          else {
            for (let i = 0; i < rowCount; i++) {
              const from = ((row + i) * k + start) * width;
              device.upload(buffer, i * chunk * width * 4, data.subarray(from, from + validCount * width));
            }
          }
        }
        const clear = (encoder: GPUCommandEncoder): void =>
          encoder.clearBuffer(externals['tail'] as GPUBuffer);
        plan.run([
          {
            phase: 'chunk',
            values: { validCount, first: Number(start === 0) },
            ...(tail && start === 0 ? { before: clear } : {}),
          },
        ]);
        await device.idle(); // so that no more than one chunk's uploads are under way
      }
      states.set(
        await device.readFloats(externals['state'] as GPUBuffer, 0, rowCount * STATE_FLOATS),
        row * STATE_FLOATS,
      );
      if (tail) {
        const keys = await device.read(externals['tail'] as GPUBuffer, 0, rowCount * stride * 4);
        tails.set(tailOf(new Uint32Array(keys), rowCount, kept), row * kept);
      }
    }
  } finally {
    for (const buffer of owned) buffer.dispose();
  }
  const options = { count: k, d, cost, lambda, ...(kept > 0 ? { tail: tails } : {}) };
  return inputs.criticFake
    ? finishLikelihood(states, { ...options, r, given: inputs.logQ !== undefined })
    : finishImportance(states, options);
}

type StreamName = 'generated' | 'latents' | 'criticFake' | 'logQ';

interface Checked {
  readonly n: number;
  readonly k: number;
  readonly d: number;
  readonly r: number;
  readonly perObservation: boolean;
  readonly streams: readonly Stream[];
}

interface Stream {
  readonly name: StreamName;
  readonly data: Float32Array<ArrayBuffer>;
  /** Shape of what belongs to one latent: [d] or [r], of which either may be 1; [] for one number. */
  readonly each: readonly number[];
}

function check(inputs: ImportanceInputs): Checked {
  const { observations, generated, latents, cost, lambda } = inputs;
  if ((cost as string) === 'cosine')
    throw new UserError(
      `logLikelihood: cost cosine has no likelihood: exp(−l/λ) is not normalisable on R^d; use one of ${LIKELIHOOD_COSTS.join(', ')}`,
    );
  if (!LIKELIHOOD_COSTS.includes(cost))
    throw new UserError(
      `logLikelihood: unknown cost ${String(cost)}; use one of ${LIKELIHOOD_COSTS.join(', ')}`,
    );
  if (!isPositiveFloat(lambda))
    throw new UserError(
      `logLikelihood: lambda must be a positive number, is ${lambda} (in 32-bit floating point)`,
    );
  if (observations.shape.length !== 2)
    throw new UserError(`logLikelihood: observations must be [N, d], are ${text(observations.shape)}`);
  const [n, d] = observations.shape as readonly [number, number];
  const perObservation = generated.shape.length === 3;
  const k = generated.shape.at(-2) ?? 0;
  const banks = perObservation ? [n, k] : [k];
  if (!(n >= 1 && d >= 1 && k >= 1))
    throw new UserError(
      `logLikelihood: needs at least one observation, one value and one latent; observations are ${text(observations.shape)}, generated are ${text(generated.shape)}`,
    );
  const expect = (name: string, shape: readonly number[], wanted: readonly number[]): void => {
    if (shape.length !== wanted.length || shape.some((size, axis) => size !== wanted[axis]))
      throw new UserError(
        `logLikelihood: ${name} is ${text(shape)}, must be ${text(wanted)} to go with observations ${text(observations.shape)} and generated ${text(generated.shape)}`,
      );
  };
  expect('generated', generated.shape, [...banks, d]);
  const r = latents?.shape.at(-1) ?? 0;
  if (latents) expect('latents', latents.shape, [...banks, r]);
  else if (inputs.criticFake || inputs.logQ)
    throw new UserError(
      `logLikelihood: ${inputs.criticFake ? 'criticFake' : 'logQ'} needs the latents too; pass latents of shape ${text([...banks, 'r'])}`,
    );
  const streams: Stream[] = [];
  const take = (name: StreamName, given: FloatArray, each: readonly number[]): void => {
    checkValues(name, given);
    streams.push({ name, data: given.data, each });
  };
  const takeVector = (name: StreamName, given: Float32Array<ArrayBuffer> | FloatArray): void => {
    const values = given instanceof Float32Array ? { data: given, shape: banks } : given;
    expect(name, values.shape, banks);
    take(name, values, []);
  };
  checkValues('observations', observations);
  take('generated', generated, [d]);
  // A latent of no dimensions has no values to upload; its norm is 0.
  if (latents && r > 0) take('latents', latents, [r]);
  if (inputs.criticFake) takeVector('criticFake', inputs.criticFake);
  if (inputs.logQ) takeVector('logQ', inputs.logQ);
  return { n, k, d, r, perObservation, streams };
}

function checkValues(name: string, { data, shape }: FloatArray): void {
  if (data.length !== sizeOf(shape))
    throw new UserError(
      `logLikelihood: ${name} has ${data.length} values, its shape ${text(shape)} needs ${sizeOf(shape)}`,
    );
  const bad = data.findIndex((x) => !Number.isFinite(x));
  if (bad >= 0)
    throw new UserError(
      `logLikelihood: ${name} holds ${data[bad]} at index ${bad}; all values must be finite`,
    );
}

function text(shape: readonly (number | string)[]): string {
  return `[${shape.join(', ')}]`;
}
