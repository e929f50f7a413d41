/**
 * npm run bench:matmul [-- --size 1024 --size 4096 --turns 5 --mixed --out FILE]
 * Square matrix products a·b, by default of 256 to 4096 on a GPU and to 1024 elsewhere: float32 and, with --mixed on a GPU that
 * has f16 and subgroup matrices, factors rounded to f16 (their packing counts). Some results of each are held against
 * float64 first.
 */
import { parseArgs } from 'node:util';
import { threefryNormals } from '../src/data/random.ts';
import { type Device, type OwnedBuffer } from '../src/gpu/device.ts';
import { type Precision, targetOf } from '../src/gpu/target.ts';
import { Graph } from '../src/graph/graph.ts';
import { schedule } from '../src/graph/schedule.ts';
import { openDevice } from '../src/node/open-device.ts';
import { matmul } from '../src/ops/matmul.ts';
import { printProvenance, provenance, table, writeResult } from './output.ts';
import { timePlan, timedPlan } from './time-plan.ts';

/** Of a sum of n products of normals, as a share of √n: rounding of float32 sums, and of factors to f16. */
const ALLOWED: Readonly<Record<Precision, number>> = { f32: 2e-5, mixed: 4e-3 };
const CHECKED = 64;

const { values } = parseArgs({
  options: {
    size: { type: 'string', multiple: true },
    turns: { type: 'string', default: '5' },
    mixed: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
using device = await openDevice({ mixedPrecision: values.mixed });
const usual = device.adapter.kind === 'hardware' ? [256, 512, 1024, 2048, 4096] : [256, 512, 1024];
const sizes = values.size?.map(Number) ?? usual;
const where = provenance(device.adapter);
console.log(printProvenance(where));
const products = [];
for (const precision of values.mixed ? (['f32', 'mixed'] as const) : (['f32'] as const))
  for (const size of sizes) products.push(await timeProduct(device, size, precision));
console.log(
  table(
    ['product', 'kernels', 'error/√n', 'ms', 'GFLOP/s'],
    products.map(({ precision, size, kernels, error, ms, gflops }) => [
      `${precision} ${size}`,
      kernels.join(' '),
      error.toExponential(1),
      ms.toFixed(4),
      gflops.toFixed(0),
    ]),
  ),
);
if (values.out) await writeResult(values.out, { benchmark: 'matmul', ...where, products });

async function timeProduct(device: Device, n: number, precision: Precision) {
  const graph = new Graph();
  const [a, b] = ['a', 'b'].map((name) => graph.external(name, [n, n], { buffer: name, offset: 0 }));
  const out = matmul(graph, a!, b!);
  const { recording, slot } = schedule(graph, targetOf(device, precision), [out]);
  const factors = [0, 1].map((row) => Float32Array.from(threefryNormals(n * n, [3, 4], row)));
  const owned: OwnedBuffer[] = factors.map((data, i) => device.storageOf('ab'[i]!, data));
  try {
    using plan = await timedPlan(device, recording, { a: owned[0]!.buffer, b: owned[1]!.buffer });
    plan.run([{ phase: 'once' }]);
    const { buffer, offset } = plan.view(slot(out));
    const found = await device.readFloats(buffer, offset, n * n);
    const error = furthest(factors, found, n);
    if (!(error <= ALLOWED[precision]))
      throw new Error(
        `bench: the ${precision} product of ${n} is off by ${error}·√n; no timing of a wrong result`,
      );
    const { ms } = await timePlan(device, plan, { turns: Number(values.turns), turnMs: 40 });
    const kernels = [...new Set(recording.dispatches.map(({ kernel }) => kernel))];
    return { precision, size: n, kernels, error, ms, gflops: (2 * n ** 3) / ms / 1e6 };
  } finally {
    for (const buffer of owned) buffer.dispose();
  }
}

/** The largest error among results spread over the product, relative to √n. */
function furthest([a, b]: readonly Float32Array[], found: Float32Array, n: number): number {
  let most = 0;
  for (let i = 0; i < CHECKED; i++) {
    const [row, column] = [(i * 2_654_435_761) % n, (i * 40_503) % n];
    let sum = 0;
    for (let k = 0; k < n; k++) sum += a![row * n + k]! * b![k * n + column]!;
    most = Math.max(most, Math.abs(found[row * n + column]! - sum) / Math.sqrt(n));
  }
  return most;
}
