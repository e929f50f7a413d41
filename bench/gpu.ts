/**
 * npm run bench [-- --quick --only matmul --out FILE]
 * Everything on whatever adapter there is: verifies every kernel case in every variant, times those that are right, then
 * the training steps against tfjs-webgpu and the objective at full size. Ends with exit code 1 where anything is wrong.
 * All of it is reached by static imports, so that one bundle of this file runs on a bare machine.
 */
import { parseArgs } from 'node:util';
import { UserError } from '../src/gpu/errors.ts';
import { openDevice } from '../src/node/open-device.ts';
import { CASE_TABLES } from './cases.ts';
import { type LargeObjective, openDefaultDevice, runLargeObjective } from './large-objective.ts';
import { printProvenance, provenance, writeResult } from './output.ts';
import { printCases, printVerified } from './print-cases.ts';
import { printObjective } from './print-objective.ts';
import { printProfile, printStep } from './print-step.ts';
import { startTfjs } from './tfjs/backend.ts';
import { type CaseResult, runCases } from './time-cases.ts';
import { type StepTiming, profileStep, timeTrainingStep } from './training-step.ts';
import { type Workload, dcganWorkload, mlpWorkload } from './workload.ts';

const { values } = parseArgs({
  options: {
    /** Fewer and shorter turns, the smallest batch, without a GPU only the MLP's step, no objective at full size. */
    quick: { type: 'boolean', default: false },
    /** Tables of cases to run. */
    only: { type: 'string', multiple: true, default: Object.keys(CASE_TABLES) },
    out: { type: 'string' },
  },
});
using device = await openDevice();
const hardware = device.adapter.kind === 'hardware';
const timing = values.quick ? { turns: 3, turnMs: 20 } : { turns: 9, turnMs: 50 };
const { limits, features } = device.gpu;
const where = provenance(device.adapter);
console.log(printProvenance(where));
console.log(`features: ${[...features].sort().join(', ')}`);
console.log(
  `workgroup memory ${limits.maxComputeWorkgroupStorageSize} bytes, subgroups ${device.adapter.subgroupSizes?.join('–') ?? 'none'}`,
);

const cases: CaseResult[] = [];
for (const stem of values.only) {
  const table = CASE_TABLES[stem];
  if (!table)
    throw new UserError(`bench: no table ${stem}; --only takes ${Object.keys(CASE_TABLES).join(', ')}`);
  const results = await runCases(device, stem, table, timing);
  console.log(`\n${stem}: ${printVerified(results)}`);
  if (results.some((result) => result.timing)) console.log(printCases(results));
  cases.push(...results);
}

/** Networks and batches. Without a GPU, tfjs takes many seconds for one step of convolutions. */
const compared: (readonly [Workload, readonly number[]])[] = [
  [mlpWorkload(), values.quick ? [64] : hardware ? [64, 256, 1024] : [64, 256]],
  ...(values.quick && !hardware ? [] : [[dcganWorkload(16), [64]] as const]),
  ...(values.quick || !hardware ? [] : [[dcganWorkload(64), [64, 128]] as const]),
];
const steps: StepTiming[] = [];
using tfjs = await startTfjs();
for (const [workload, batches] of compared) {
  for (const batch of batches) {
    const options = values.quick ? { turns: 1, turnMs: 200 } : { turns: 7, turnMs: 1000 };
    const result = await timeTrainingStep(device, tfjs, workload, batch, options);
    console.log(`\n${printStep(result)}`);
    if (features.has('timestamp-query'))
      console.log(`\n${printProfile(await profileStep(device, workload, batch, hardware ? 50 : 4))}`);
    steps.push(result);
  }
}

let objective: LargeObjective | undefined;
if (!values.quick) {
  using small = await openDefaultDevice();
  objective = await runLargeObjective(small, { size: 16_384, turns: hardware ? 9 : 1 });
  console.log(`\n${printObjective(objective)}`);
}

const wrong = cases.filter(({ problems }) => problems.length > 0).length;
console.log(wrong === 0 ? '\nall verified' : `\n${wrong} cases are wrong`);
if (values.out)
  await writeResult(values.out, {
    benchmark: 'gpu',
    ...where,
    tfjs: tfjs.version,
    cases,
    steps,
    objective,
  });
if (wrong > 0) process.exitCode = 1;
