/**
 * npm run bench:objective [-- --size 16384 --turns 1 --json --out FILE]
 * The entropic objective alone, value and all gradients, at n = m = 16 384 and d = 64 within WebGPU's default limits; see
 * `large-objective.ts` for what is verified before it is timed. Some minutes on a software adapter.
 */
import { parseArgs } from 'node:util';
import { openDefaultDevice, runLargeObjective } from './large-objective.ts';
import { printProvenance, provenance, writeResult } from './output.ts';
import { printObjective } from './print-objective.ts';

const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '16384' },
    turns: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});

using device = await openDefaultDevice();
const where = provenance(device.adapter);
const objective = await runLargeObjective(device, {
  size: Number(values.size),
  turns: Number(values.turns),
});
const result = { benchmark: 'objective', ...where, objective };
if (values.json) console.log(JSON.stringify(result));
else console.log(`${printProvenance(where)}; default limits\n${printObjective(objective)}`);
if (values.out) await writeResult(values.out, result);
