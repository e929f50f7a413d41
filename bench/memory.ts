/**
 * npm run bench:memory [-- --steps 5000 --json --out FILE]
 * Does a long run keep its memory? A small MLP entropic GAN is trained for 5 000 steps; every 500 a checkpoint is taken,
 * as `train` does, and host memory and live GPU buffers are printed. It ends with exit code 1 unless, from the first
 * 1 000 steps on, the GPU buffers and their bytes are exactly constant, the JavaScript heap after a collection grows by
 * less than 2 MiB, and the resident memory of the process by less than 16 MiB.
 */
import { parseArgs } from 'node:util';
import { gaussianData } from '../src/data/gaussian.ts';
import { Trainer } from '../src/gan/trainer.ts';
import { mlp } from '../src/nn/architectures.ts';
import { openDevice } from '../src/node/open-device.ts';
import { printProvenance, provenance, table, writeResult } from './output.ts';

const MIB = 2 ** 20;
const ALLOWED_GROWTH = { heapBytes: 2 * MIB, rssBytes: 16 * MIB };
const EVERY = 500;
const WARM_UP = 1000;

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '5000' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const steps = Number(values.steps);
const collect = (globalThis as { gc?: () => void }).gc;
if (!collect) throw new Error('bench: start it with node --expose-gc, as `npm run bench:memory` does');

using device = await openDevice();
const { dataset } = gaussianData({ dims: 16, limit: 4096 });
using trainer = await Trainer.create(device, {
  model: mlp({ sample: [16], latent: 4, hidden: [32, 32], output: 'linear' }),
  lambda: 200,
  criticSteps: 1,
  batch: 32,
  seed: 3,
});
const where = provenance(device.adapter);
if (!values.json) console.log(`${printProvenance(where)}\n${steps} steps`);
const start = performance.now();
const samples = [];
for await (const { step } of trainer.run(dataset, { steps, reportEvery: EVERY })) {
  await trainer.checkpoint();
  collect();
  const { rss, heapUsed } = process.memoryUsage();
  samples.push({
    step,
    rssBytes: rss,
    heapBytes: heapUsed,
    gpuBuffers: device.liveBuffers,
    gpuBytes: device.liveBytes,
  });
}
const seconds = (performance.now() - start) / 1000;

const settled = samples.filter(({ step }) => step >= WARM_UP);
const [first] = settled;
if (!first || settled.length < 2)
  throw new Error(`bench: ${steps} steps are too few to judge; take ${WARM_UP + EVERY} or more`);
const growth = {
  rssBytes: Math.max(...settled.map((s) => s.rssBytes)) - first.rssBytes,
  heapBytes: Math.max(...settled.map((s) => s.heapBytes)) - first.heapBytes,
};
const problems = [
  ...(settled.some((s) => s.gpuBuffers !== first.gpuBuffers || s.gpuBytes !== first.gpuBytes)
    ? ['GPU buffers are not constant']
    : []),
  ...(['rssBytes', 'heapBytes'] as const)
    .filter((kind) => growth[kind] >= ALLOWED_GROWTH[kind])
    .map((kind) => `${kind} grew by ${growth[kind]}, allowed ${ALLOWED_GROWTH[kind]}`),
];
const result = {
  benchmark: 'memory',
  ...where,
  steps,
  seconds,
  samples,
  growth,
  problems,
};
if (values.json) console.log(JSON.stringify(result));
else {
  const mib = (bytes: number): string => (bytes / MIB).toFixed(2);
  console.log(
    table(
      ['step', 'RSS MiB', 'heap MiB', 'GPU buffers', 'GPU MiB'],
      samples.map((s) => [
        String(s.step),
        mib(s.rssBytes),
        mib(s.heapBytes),
        String(s.gpuBuffers),
        mib(s.gpuBytes),
      ]),
    ),
  );
  console.log(
    `after step ${first.step}: RSS +${mib(growth.rssBytes)} MiB, heap +${mib(growth.heapBytes)} MiB; ${seconds.toFixed(0)} s`,
  );
  console.log(problems.length === 0 ? 'flat' : `NOT flat: ${problems.join('; ')}`);
}
if (values.out) await writeResult(values.out, result);
if (problems.length > 0) process.exitCode = 1;
