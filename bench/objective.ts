/**
 * npm run bench:objective [-- --size 16384 --dims 64 --turns 1 --tfjs --json --out FILE]
 * The entropic objective alone, value and all gradients, at n = m = 16 384 and d = 64 within WebGPU's default limits; see
 * `large-objective.ts` for what is verified before it is timed. Some minutes on a software adapter. With --tfjs the same in
 * tfjs-webgpu in turn, which stores n × m matrices: give it 4096.
 */
import { parseArgs } from 'node:util';
import { openDefaultDevice, runLargeObjective } from './large-objective.ts';
import { printProvenance, provenance, writeResult } from './output.ts';
import { printObjective } from './print-objective.ts';
import { startTfjs } from './tfjs/backend.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '16384' },
    dims: { type: 'string', default: '64' },
    turns: { type: 'string', default: '1' },
    tfjs: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});

using device = await openDefaultDevice();
using tfjs = values.tfjs ? await startTfjs() : null;
const where = provenance(device.adapter);
const objective = await runLargeObjective(device, {
  size: Number(values.size),
  dims: Number(values.dims),
  turns: Number(values.turns),
  ...(tfjs ? { tf: tfjs.tf } : {}),
});
const result = { benchmark: 'objective', ...where, objective };
if (values.json) console.log(JSON.stringify(result));
else console.log(`${printProvenance(where)}; default limits\n${printObjective(objective)}`);
if (values.out) await writeResult(values.out, result);
