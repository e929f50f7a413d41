/**
 * npm run bench:scaling [-- --only objective --turns 5 --figures FOLDER --json --out FILE]
 * How cost grows with n·m, N·K, batch and width: every point verified, then timed in turn with the others of its sweep. Prints
 * the slopes; with --figures writes one SVG for each of objective, scoring, batch and width. About ten minutes without a GPU.
 */
import { parseArgs } from 'node:util';
import { UserError } from '../src/gpu/errors.ts';
import { openDevice } from '../src/node/open-device.ts';
import { printProvenance, provenance, writeResult } from './output.ts';
import { runScaling } from './run-scaling.ts';
import { FIGURES, type FigureName } from './sweeps.ts';

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [...FIGURES] },
    turns: { type: 'string', default: '5' },
    figures: { type: 'string' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const only = values.only.map((name) => {
  if (!FIGURES.includes(name as FigureName))
    throw new UserError(`bench: --only is ${name}; known: ${FIGURES.join(', ')}`);
  return name as FigureName;
});
const print = values.json ? () => {} : (text: string): void => console.log(text);

using device = await openDevice();
const where = provenance(device.adapter);
print(printProvenance(where));
const { turns, figures } = values;
const sweeps = await runScaling(device, { only, turns: Number(turns), figures, print });
const result = { benchmark: 'scaling', ...where, sweeps };
if (values.json) console.log(JSON.stringify(result));
if (values.out) await writeResult(values.out, result);
