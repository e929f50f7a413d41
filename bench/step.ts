/**
 * npm run bench:step [-- --arch mlp --batch 64 --batch 256 --turns 7 --profile --json --out FILE]
 * npm run bench:step -- --arch dcgan [--width 16 --width 64 …]
 * One critic and one generator update of the entropic GANs of `workload.ts`, ours against tfjs-webgpu, in one process on
 * one adapter. Verified first: J, gradients and updated weights of both agree, or it ends with an error.
 */
import { parseArgs } from 'node:util';
import { UserError } from '../src/gpu/errors.ts';
import { openDevice } from '../src/node/open-device.ts';
import { printProvenance, provenance, writeResult } from './output.ts';
import { startTfjs } from './tfjs/backend.ts';
import { printProfile, printStep } from './print-step.ts';
import { profileStep, timeTrainingStep } from './training-step.ts';
import { dcganWorkload, mlpWorkload } from './workload.ts';

const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: 'mlp' },
    /** Of the dcgan; 64 is the paper's. */
    width: { type: 'string', multiple: true, default: ['16'] },
    batch: { type: 'string', multiple: true },
    turns: { type: 'string', default: '7' },
    profile: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const print = values.json ? () => {} : (text: string): void => console.log(text);

if (values.arch !== 'mlp' && values.arch !== 'dcgan')
  throw new UserError(`bench: --arch is ${values.arch}; known: mlp, dcgan`);
const workloads =
  values.arch === 'mlp' ? [mlpWorkload()] : values.width.map((width) => dcganWorkload(Number(width)));
const batches = (values.batch ?? (values.arch === 'mlp' ? ['64', '256'] : ['64'])).map(Number);

using device = await openDevice();
using tfjs = await startTfjs();
const where = provenance(device.adapter);
print(`${printProvenance(where)}, tfjs ${tfjs.version}`);
const steps = [];
for (const workload of workloads) {
  for (const batch of batches) {
    const timing = await timeTrainingStep(device, tfjs, workload, batch, {
      turns: Number(values.turns),
      turnMs: 1000,
    });
    print(`\n${printStep(timing)}`);
    if (values.profile) print(`\n${printProfile(await profileStep(device, workload, batch, 4))}`);
    steps.push(timing);
  }
}
const result = { benchmark: 'step', ...where, tfjs: tfjs.version, steps };
if (values.json) console.log(JSON.stringify(result));
if (values.out) await writeResult(values.out, result);
