/**
 * npm run bench:step [-- --batch 64 --batch 256 --turns 7 --profile --json --out FILE]
 * One critic and one generator update of the MLP entropic GAN of `workload.ts`, ours against tfjs-webgpu, in one
 * process on one adapter. Verified first: J, gradients and updated weights of both agree, or it ends with an error.
 */
import { parseArgs } from 'node:util';
import { openDevice } from '../src/node/open-device.ts';
import { printProvenance, provenance, writeResult } from './output.ts';
import { startTfjs } from './tfjs/backend.ts';
import { printProfile, printStep } from './print-step.ts';
import { profileStep, timeTrainingStep } from './training-step.ts';

const { values } = parseArgs({
  options: {
    batch: { type: 'string', multiple: true, default: ['64', '256'] },
    turns: { type: 'string', default: '7' },
    profile: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const print = values.json ? () => {} : (text: string): void => console.log(text);

using device = await openDevice();
using tfjs = await startTfjs();
const where = provenance(device.adapter);
print(`${printProvenance(where)}, tfjs ${tfjs.version}`);
const steps = [];
for (const text of values.batch) {
  const batch = Number(text);
  const timing = await timeTrainingStep(device, tfjs, batch, { turns: Number(values.turns), turnMs: 1000 });
  print(`\n${printStep(timing)}`);
  if (values.profile) print(`\n${printProfile(await profileStep(device, batch, 4))}`);
  steps.push(timing);
}
const result = { benchmark: 'step', ...where, tfjs: tfjs.version, steps };
if (values.json) console.log(JSON.stringify(result));
if (values.out) await writeResult(values.out, result);
