/**
 * npm run bench:likelihood [-- --cost half-squared --cost l1 --turns 3 --json --out FILE]
 * npm run bench:likelihood -- --large
 * The likelihood estimates of 1 000 observations under 4 096 latents, d = 784, ours against tfjs-webgpu in one process on
 * one adapter; with --large ours alone for 10 000 under 100 000, d = 64, within WebGPU's default limits. Other sizes by
 * --observations, --latents and --dims. Verified first, or it ends with an error. Without a GPU each takes many minutes.
 */
import { parseArgs } from 'node:util';
import { UserError } from '../src/gpu/errors.ts';
import { openDevice } from '../src/node/open-device.ts';
import { openDefaultDevice } from './large-objective.ts';
import { compareLikelihood } from './likelihood-comparison.ts';
import { runLargeLikelihood } from './likelihood-large.ts';
import { COMPARED_COSTS, type ComparedCost } from './likelihood-workload.ts';
import { printProvenance, provenance, writeResult } from './output.ts';
import { printLargeLikelihood, printLikelihood } from './print-likelihood.ts';
import { startTfjs } from './tfjs/backend.ts';

const { values } = parseArgs({
  options: {
    large: { type: 'boolean', default: false },
    cost: { type: 'string', multiple: true },
    observations: { type: 'string' },
    latents: { type: 'string' },
    dims: { type: 'string' },
    turns: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const costs = (values.cost ?? (values.large ? ['half-squared'] : COMPARED_COSTS)).map((cost) => {
  if (!COMPARED_COSTS.includes(cost as ComparedCost))
    throw new UserError(`bench: --cost is ${cost}; known: ${COMPARED_COSTS.join(', ')}`);
  return cost as ComparedCost;
});
const usual = values.large
  ? { observations: 10_000, latents: 100_000, dims: 64 }
  : { observations: 1000, latents: 4096, dims: 784 };
const sizes = {
  observations: Number(values.observations ?? usual.observations),
  latents: Number(values.latents ?? usual.latents),
  dims: Number(values.dims ?? usual.dims),
};
const print = values.json ? () => {} : (text: string): void => console.log(text);

using device = values.large ? await openDefaultDevice() : await openDevice();
const where = provenance(device.adapter);
print(printProvenance(where));
if (values.large) {
  const large = [];
  for (const cost of costs) {
    large.push(await runLargeLikelihood(device, { ...sizes, cost }));
    print(`\n${printLargeLikelihood(large.at(-1) as (typeof large)[number])}`);
  }
  await put({ benchmark: 'likelihood-large', ...where, large });
} else {
  using tfjs = await startTfjs();
  print(`tfjs ${tfjs.version}`);
  const timings = [];
  for (const cost of costs) {
    timings.push(
      await compareLikelihood(
        device,
        tfjs,
        { ...sizes, cost },
        { turns: Number(values.turns), turnMs: 1000 },
      ),
    );
    print(`\n${printLikelihood(timings.at(-1) as (typeof timings)[number])}`);
  }
  await put({ benchmark: 'likelihood', ...where, tfjs: tfjs.version, likelihoods: timings });
}

async function put(result: object): Promise<void> {
  if (values.json) console.log(JSON.stringify(result));
  if (values.out) await writeResult(values.out, result);
}
