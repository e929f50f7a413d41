/**
 * npm run bench:precisions [-- --arch dcgan --width 64 --batch 128 --turns 7 --tune --out FILE]
 * A training step of the networks of `workload.ts` in float32 and, on a GPU with f16, in mixed precision, with and without WebGPU's
 * bounds checks, with --tune also by the kernels that the tuner takes; each verified, then all in turn.
 */
import { parseArgs } from 'node:util';
import { UserError } from '../src/gpu/errors.ts';
import { requestAdapter } from './adapter.ts';
import { printProvenance, provenance, writeResult } from './output.ts';
import { type PrecisionTiming, printPrecisions, timePrecisions } from './time-precisions.ts';
import { dcganWorkload, mlpWorkload } from './workload.ts';

const { values } = parseArgs({
  options: {
    arch: { type: 'string', default: 'mlp' },
    /** Of the dcgan; 64 is the paper's. */
    width: { type: 'string', default: '16' },
    batch: { type: 'string', multiple: true, default: ['64'] },
    turns: { type: 'string', default: '7' },
    tune: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
if (values.arch !== 'mlp' && values.arch !== 'dcgan')
  throw new UserError(`bench: --arch is ${values.arch}; known: mlp, dcgan`);
const workload = values.arch === 'mlp' ? mlpWorkload() : dcganWorkload(Number(values.width));
const { description } = await requestAdapter();
const where = provenance(description);
console.log(printProvenance(where));
const steps: PrecisionTiming[] = [];
for (const batch of values.batch.map(Number)) {
  const options = { turns: Number(values.turns), turnMs: 1000, tune: values.tune };
  steps.push(await timePrecisions(workload, batch, options));
  console.log(`\n${printPrecisions(steps.at(-1) as PrecisionTiming)}`);
}
if (values.out) await writeResult(values.out, { benchmark: 'precisions', ...where, steps });
