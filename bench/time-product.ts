/**
 * A square product a·b on its own: some results are held against float64, then it is timed; beside tfjs, whose results are held
 * against float64 too, both in turn.
 */
import { threefryNormals } from '../src/data/random.ts';
import type { Device, OwnedBuffer } from '../src/gpu/device.ts';
import { type Precision, type Target, targetOf } from '../src/gpu/target.ts';
import { type Candidates, Graph } from '../src/graph/graph.ts';
import { schedule } from '../src/graph/schedule.ts';
import { type MatmulVariant, matmulCandidates } from '../src/ops/matmul-variants.ts';
import { matmul } from '../src/ops/matmul.ts';
import { interleave } from './interleave.ts';
import type { Tfjs } from './tfjs/backend.ts';
import { timePlan, timedPlan } from './time-plan.ts';

/** Of a sum of n products of normals, as a share of √n: rounding of float32 sums, and of factors to f16. */
const ALLOWED: Readonly<Record<Precision, number>> = { f32: 2e-5, mixed: 4e-3 };
const CHECKED = 64;
const TURN_MS = 40;

export interface ProductTiming {
  readonly precision: Precision;
  /** Rows, columns and length of the sums. */
  readonly size: number;
  readonly kernels: readonly string[];
  /** Which of the kernels that could run it did, by its name among them, where one was asked for. */
  readonly candidate?: string;
  /** The largest error, as a share of √n. */
  readonly error: number;
  /** Median milliseconds of ours alone. */
  readonly ms: number;
  readonly gflops: number;
  /** Beside tfjs, in turn: medians. */
  readonly tfjs?: { readonly oursMs: number; readonly tfjsMs: number; readonly ratio: number };
}

/** The kernels that could run the product on a target, the default first. */
export function candidatesOf(size: number, target: Target): Candidates<MatmulVariant> {
  return matmulCandidates({ m: size, n: size, k: size }, target);
}

/** @throws Error where a result is wrong. */
export async function timeProduct(
  device: Device,
  size: number,
  {
    precision = 'f32',
    candidate,
    turns,
    tf,
  }: {
    readonly precision?: Precision;
    readonly candidate?: string;
    readonly turns: number;
    readonly tf?: Tfjs;
  },
): Promise<ProductTiming> {
  const graph = new Graph();
  const [a, b] = ['a', 'b'].map((name) => graph.external(name, [size, size], { buffer: name, offset: 0 }));
  const out = matmul(graph, a!, b!);
  const target = targetOf(device, precision);
  const { key } = candidatesOf(size, target);
  const { recording, slot } = schedule(
    graph,
    candidate === undefined ? target : { ...target, variants: { [key]: candidate } },
    [out],
  );
  const factors = [0, 1].map((row) => Float32Array.from(threefryNormals(size * size, [3, 4], row)));
  const owned: OwnedBuffer[] = factors.map((data, i) => device.storageOf('ab'[i]!, data));
  try {
    using plan = await timedPlan(device, recording, { a: owned[0]!.buffer, b: owned[1]!.buffer });
    plan.run([{ phase: 'once' }]);
    const { buffer, offset } = plan.view(slot(out));
    const found = await device.readFloats(buffer, offset, size * size);
    const error = checked(`the ${precision} product of ${size}`, factors, found, size, ALLOWED[precision]);
    const { ms } = await timePlan(device, plan, { turns, turnMs: TURN_MS });
    const kernels = [...new Set(recording.dispatches.map(({ kernel }) => kernel))];
    const runOurs = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) plan.run([{ phase: 'once' }]);
      await device.idle();
    };
    return {
      precision,
      size,
      kernels,
      ...(candidate === undefined ? {} : { candidate }),
      error,
      ms,
      gflops: (2 * size ** 3) / ms / 1e6,
      ...(tf ? { tfjs: await besideTfjs(tf, factors, size, turns, runOurs) } : {}),
    };
  } finally {
    for (const buffer of owned) buffer.dispose();
  }
}

async function besideTfjs(
  tf: Tfjs,
  factors: readonly Float32Array[],
  size: number,
  turns: number,
  runOurs: (count: number) => Promise<void>,
): Promise<NonNullable<ProductTiming['tfjs']>> {
  const [a, b] = factors.map((data) => tf.tensor2d(data, [size, size]));
  try {
    const product = tf.matMul(a!, b!);
    checked(`tfjs's product of ${size}`, factors, (await product.data()) as Float32Array, size, ALLOWED.f32);
    product.dispose();
    const runTheirs = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const made = tf.matMul(a!, b!);
        if (i === count - 1) {
          // Reading one value waits for all of it.
          const corner = tf.slice(made, [0, 0], [1, 1]);
          await corner.data();
          corner.dispose();
        }
        made.dispose();
      }
    };
    const { medianMs } = await interleave(
      [
        { name: 'ours', run: runOurs },
        { name: 'tfjs', run: runTheirs },
      ],
      { turns, turnMs: TURN_MS },
    );
    return { oursMs: medianMs[0], tfjsMs: medianMs[1], ratio: medianMs[1] / medianMs[0] };
  } finally {
    a?.dispose();
    b?.dispose();
  }
}

/** The largest error among results spread over the product, relative to √n. @throws Error where it is above what is allowed. */
function checked(
  what: string,
  [a, b]: readonly Float32Array[],
  found: Float32Array,
  n: number,
  allowed: number,
): number {
  let most = 0;
  for (let i = 0; i < CHECKED; i++) {
    const [row, column] = [(i * 2_654_435_761) % n, (i * 40_503) % n];
    let sum = 0;
    for (let k = 0; k < n; k++) sum += a![row * n + k]! * b![k * n + column]!;
    const off = Math.abs(found[row * n + column]! - sum) / Math.sqrt(n);
    if (!(off <= most)) most = off; // a NaN stays
  }
  if (!(most <= allowed)) throw new Error(`bench: ${what} is off by ${most}·√n; no timing of a wrong result`);
  return most;
}
