/**
 * npm run bench [-- --full --only matmul --figures FOLDER --out FILE]
 * Ours beside tfjs-webgpu on whatever adapter there is, with one table at the end: the time to a first step, products, training
 * steps, the objective, scoring; on a GPU with f16 ours also in mixed precision. Some minutes without a GPU. With --full every kernel case of `test/cases` in every variant that
 * the adapter runs, larger sizes, the objective at n = m = 65 536, and how cost grows; --only picks tables of cases.
 * Nothing is timed that was not verified; it ends with exit code 1 where a case is wrong.
 * All of it is reached by static imports, so that one bundle of this file runs on a bare machine.
 */
import { parseArgs } from 'node:util';
import { UserError } from '../src/gpu/errors.ts';
import { lacksForMixed, targetOf } from '../src/gpu/target.ts';
import { openDevice } from '../src/node/open-device.ts';
import { CASE_TABLES } from './cases.ts';
import { timeFirstStep } from './first-step.ts';
import { interleave } from './interleave.ts';
import { type LargeObjective, openDefaultDevice, runLargeObjective } from './large-objective.ts';
import { printProvenance, provenance, table, writeResult } from './output.ts';
import { printCases, printVerified } from './print-cases.ts';
import { printObjective } from './print-objective.ts';
import { printProducts } from './print-products.ts';
import { printProfile, printStep } from './print-step.ts';
import { runScaling } from './run-scaling.ts';
import { startTfjs } from './tfjs/backend.ts';
import { type CaseResult, runCases } from './time-cases.ts';
import { type PrecisionTiming, printPrecisions, timePrecisions, wayName } from './time-precisions.ts';
import { type ProductTiming, timeProduct } from './time-product.ts';
import { openScoring } from './time-scoring.ts';
import { type StepTiming, profileStep, timeTrainingStep } from './training-step.ts';
import { type Workload, dcganWorkload, mlpWorkload } from './workload.ts';

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    /** Tables of cases to run. */
    only: { type: 'string', multiple: true },
    /** Where the figures of how cost grows go; with --full. */
    figures: { type: 'string' },
    out: { type: 'string' },
  },
});
const { full } = values;
for (const stem of values.only ?? [])
  if (!(stem in CASE_TABLES))
    throw new UserError(`bench: no table ${stem}; --only takes ${Object.keys(CASE_TABLES).join(', ')}`);
if (values.figures && !full) throw new UserError('bench: --figures needs --full');

/** A line of the table at the end. */
interface Line {
  readonly what: string;
  readonly ours: string;
  readonly tfjs?: string;
  readonly ratio?: number;
}
const lines: Line[] = [];
const milliseconds = (ms: number): string => `${ms.toFixed(ms < 10 ? 2 : 0)} ms`;
const compared = (what: string, oursMs: number, tfjsMs: number): void =>
  void lines.push({ what, ours: milliseconds(oursMs), tfjs: milliseconds(tfjsMs), ratio: tfjsMs / oursMs });

const first = await timeFirstStep(mlpWorkload(), 64);
compared('mlp, batch 64: from opening a device to the first step', first.oursMs, first.tfjsMs);

using device = await openDevice({ mixedPrecision: true });
const hardware = device.adapter.kind === 'hardware';
const { limits, features } = device.gpu;
const where = provenance(device.adapter);
console.log(printProvenance(where));
console.log(`features: ${[...features].sort().join(', ')}`);
console.log(
  `workgroup memory ${limits.maxComputeWorkgroupStorageSize} bytes, subgroups ${device.adapter.subgroupSizes?.join('–') ?? 'none'}`,
);

const cases: CaseResult[] = [];
for (const stem of values.only ?? (full ? Object.keys(CASE_TABLES) : [])) {
  const results = await runCases(device, stem, CASE_TABLES[stem] ?? [], { turns: 9, turnMs: 50 });
  console.log(`\n${stem}: ${printVerified(results)}`);
  if (results.some((result) => result.timing)) console.log(printCases(results));
  cases.push(...results);
}

using tfjs = await startTfjs();
const products: ProductTiming[] = [];
for (const size of full ? [256, 512, 1024, ...(hardware ? [2048, 4096] : [])] : [256, 512])
  products.push(await timeProduct(device, size, { turns: full ? 7 : 3, tf: tfjs.tf }));
const lacks = lacksForMixed(targetOf(device));
if (lacks.length === 0)
  for (const size of products.map(({ size }) => size))
    products.push(await timeProduct(device, size, { turns: full ? 7 : 3, precision: 'mixed' }));
else console.log(`\nmixed precision: this device has no ${lacks.join(', no ')}`);
console.log(`\n${printProducts(products)}`);
for (const { precision, size, ms, tfjs: beside } of products) {
  if (beside) compared(`product of ${size}`, beside.oursMs, beside.tfjsMs);
  else lines.push({ what: `product of ${size}, ${precision}`, ours: milliseconds(ms) });
}

/** Networks and batches. Without a GPU, tfjs takes many seconds for one step of convolutions. */
const workloads: (readonly [Workload, readonly number[]])[] = [
  [mlpWorkload(), full ? [64, 128, 256] : [64]],
  ...(full || hardware ? [[dcganWorkload(16), full && hardware ? [64, 128, 256] : [64]] as const] : []),
  ...(full && hardware ? [[dcganWorkload(64), [64, 128, 256]] as const] : []),
];
const steps: StepTiming[] = [];
for (const [workload, batches] of workloads) {
  for (const batch of batches) {
    const options = full ? { turns: hardware ? 7 : 3, turnMs: 1000 } : { turns: 1, turnMs: 500 };
    const result = await timeTrainingStep(device, tfjs, workload, batch, options);
    console.log(`\n${printStep(result)}`);
    if (full && features.has('timestamp-query'))
      console.log(`\n${printProfile(await profileStep(device, workload, batch, hardware ? 50 : 4))}`);
    steps.push(result);
    compared(`${workload.name}, batch ${batch}: a training step`, result.oursMs, result.tfjsMs);
  }
}

/** Ours in every precision, on a GPU that has more than one. */
const precisions: PrecisionTiming[] = [];
if (lacks.length === 0)
  for (const workload of full ? [mlpWorkload(), dcganWorkload(64)] : [mlpWorkload()]) {
    const result = await timePrecisions(workload, full ? 128 : 64, {
      turns: full ? 7 : 3,
      turnMs: 1000,
      tune: full,
    });
    console.log(`\n${printPrecisions(result)}`);
    precisions.push(result);
    for (const way of result.ways)
      lines.push({
        what: `${result.name}, batch ${result.batch}: a training step, ${wayName(way)}`,
        ours: milliseconds(way.ms),
      });
  }

const objectives: LargeObjective[] = [];
{
  using small = await openDefaultDevice();
  /** Side and d; beside tfjs, which stores n × m matrices, up to 4 096. */
  const sizes: (readonly [number, number])[] = full
    ? [
        [1024, 64],
        [4096, 64],
        [65_536, 2],
        ...(hardware
          ? ([
              [65_536, 64],
              [65_536, 784],
            ] as const)
          : []),
      ]
    : [[1024, 64]];
  for (const [size, dims] of sizes) {
    const turns = hardware ? 9 : 1;
    const beside = size <= 4096 ? { tf: tfjs.tf } : {};
    const result = await runLargeObjective(small, { size, dims, turns, ...beside });
    console.log(`\n${printObjective(result)}`);
    objectives.push(result);
    const what = `objective and gradients, n = m = ${size}, d = ${dims}`;
    if (result.tfjs) compared(what, result.tfjs.oursMs, result.tfjs.tfjsMs);
    else lines.push({ what, ours: milliseconds(result.ms) });
  }
}

const scoring = [];
for (const latents of full ? [1000, 10_000] : [1000]) {
  const images = 256;
  using opened = await openScoring(device, mlpWorkload(), { images, latents });
  const { medianMs } = await interleave([{ name: 'ours', run: opened.run }], { turns: 3, turnMs: 500 });
  const perSecond = (1000 * images) / medianMs[0];
  console.log(
    `\nscoring under the mlp, K = ${latents}: L_K within ${opened.nats.toExponential(1)} nats of float64, ${perSecond.toFixed(0)} images/s`,
  );
  scoring.push({ images, latents, nats: opened.nats, ms: medianMs[0], imagesPerSecond: perSecond });
  lines.push({ what: `mlp: scoring, K = ${latents}`, ours: `${perSecond.toFixed(0)} images/s` });
}

const sweeps = full
  ? await runScaling(device, { turns: 5, figures: values.figures, print: console.log })
  : [];
for (const { figure, name, slope, expected } of sweeps)
  if (expected !== null) lines.push({ what: `slope of time, ${figure}, ${name}`, ours: slope.toFixed(3) });

console.log(
  `\n${table(
    ['', 'entropic-gan', 'tfjs-webgpu', 'ratio'],
    lines.map(({ what, ours, tfjs: theirs, ratio }) => [
      what,
      ours,
      theirs ?? '',
      ratio === undefined ? '' : `${ratio.toFixed(1)}×`,
    ]),
  )}`,
);
const wrong = cases.filter(({ problems }) => problems.length > 0).length;
if (wrong > 0) {
  console.log(`\n${wrong} cases are wrong`);
  process.exitCode = 1;
}
if (values.out)
  await writeResult(values.out, {
    benchmark: 'gpu',
    ...where,
    tfjs: tfjs.version,
    firstStep: first,
    cases,
    products,
    steps,
    precisions,
    objectives,
    scoring,
    sweeps,
  });
