/**
 * npm run bench:peers [-- --batch 64 --batch 256 --turns 5 --cpu --json --out FILE]
 * One critic and one generator update of the MLP of `workload.ts`, in turn: ours, ours without WebGPU's bounds checks, tfjs on
 * WebGPU on the same adapter, tfjs on WebAssembly on the CPU and, with --cpu, tfjs in plain JavaScript. And the time to the first
 * step of the first batch, each on a device just opened. Verified first: J, gradients and updated weights of all agree, or it
 * ends with an error.
 */
import { parseArgs } from 'node:util';
import { Trainer } from '../src/gan/trainer.ts';
import type { Device } from '../src/gpu/device.ts';
import { openDevice } from '../src/node/open-device.ts';
import { timeFirstStep } from './first-step.ts';
import { type Contender, interleave } from './interleave.ts';
import { printProvenance, provenance, table, writeResult } from './output.ts';
import { type Tfjs, startTfjs } from './tfjs/backend.ts';
import { disposeStep, tfjsGan } from './tfjs/gan.ts';
import { startTfjsWasm } from './tfjs/wasm.ts';
import { type StepAgreement, tfjsBatch, verifyStep } from './verify-step.ts';
import { LAMBDA, OPTIMISER, SEED, mlpWorkload, trainerOptions, workloadData } from './workload.ts';

const { values } = parseArgs({
  options: {
    batch: { type: 'string', multiple: true, default: ['64', '256'] },
    turns: { type: 'string', default: '5' },
    cpu: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const print = values.json ? () => {} : (text: string): void => console.log(text);
const TURN_MS = 1000;
const workload = mlpWorkload();
const data = workloadData();

/** A way of making steps, and what it needs to be there for. */
interface Peer extends Contender, Disposable {
  readonly agreement: StepAgreement;
}

/** Our trainer on a device, verified against tfjs's current backend. */
async function ours(name: string, device: Device, tf: Tfjs, batch: number): Promise<Peer> {
  const trainer = await Trainer.create(device, trainerOptions(workload, batch));
  const start = await trainer.checkpoint();
  using gan = tfjsGan(tf, workload.model, start.model, { lambda: LAMBDA, optimiser: OPTIMISER });
  const agreement = await verifyStep(trainer, start, gan, tf, data);
  return {
    name,
    agreement,
    run: async (count) => {
      const steps = trainer.steps + count;
      for await (const report of trainer.run(data, { steps, reportEvery: steps })) void report;
      await device.idle();
    },
    [Symbol.dispose]: () => trainer.dispose(),
  };
}

/** The model in tfjs on a backend, verified against our trainer. */
async function tfjsOn(name: string, backend: string, tf: Tfjs, device: Device, batch: number): Promise<Peer> {
  await tf.setBackend(backend);
  using trainer = await Trainer.create(device, trainerOptions(workload, batch));
  const start = await trainer.checkpoint();
  const gan = tfjsGan(tf, workload.model, start.model, {
    lambda: LAMBDA,
    optimiser: OPTIMISER,
    scope: `${backend}/`,
  });
  const agreement = await verifyStep(trainer, start, gan, tf, data);
  const inputs = tfjsBatch(tf, data, { batch, latent: workload.model.latent, seed: SEED }, 0);
  return {
    name,
    agreement,
    run: async (count) => {
      await tf.setBackend(backend);
      for (let i = 0; i < count; i++) {
        disposeStep(gan.criticStep(inputs));
        const last = gan.generatorStep(inputs);
        if (i === count - 1) await last.objective.data(); // which waits for all of it
        disposeStep(last);
      }
    },
    [Symbol.dispose]: () => gan[Symbol.dispose](),
  };
}

const batches = values.batch.map(Number);
const first = await timeFirstStep(workload, batches[0] as number);
using device = await openDevice();
using unchecked = await openDevice({ unchecked: true });
using backend = await startTfjs();
const where = provenance(device.adapter);
const { tf } = backend;
const { threads } = await startTfjsWasm();
print(`${printProvenance(where)}, tfjs ${backend.version}`);
print(
  `first step, batch ${batches[0]}, from opening a device: ours ${first.oursMs.toFixed(0)} ms, tfjs-webgpu ${first.tfjsMs.toFixed(0)} ms, ${(first.tfjsMs / first.oursMs).toFixed(1)}×`,
);
const results = [];
for (const batch of batches) {
  await tf.setBackend('webgpu');
  using checkedPeer = await ours('entropic-gan', device, tf, batch);
  using uncheckedPeer = await ours('entropic-gan, unchecked', unchecked, tf, batch);
  using webgpuPeer = await tfjsOn('tfjs-webgpu', 'webgpu', tf, device, batch);
  using wasmPeer = await tfjsOn(
    `tfjs-wasm, ${threads} thread${threads === 1 ? '' : 's'}`,
    'wasm',
    tf,
    device,
    batch,
  );
  using cpuPeer = values.cpu ? await tfjsOn('tfjs-cpu', 'cpu', tf, device, batch) : null;
  const peers = [checkedPeer, uncheckedPeer, webgpuPeer, wasmPeer, ...(cpuPeer ? [cpuPeer] : [])];
  const { medianMs, turnsMs } = await interleave(peers, { turns: Number(values.turns), turnMs: TURN_MS });
  const of = (index: number): number => medianMs[index] as number;
  print(`\nmlp, batch ${batch}: one critic and one generator update`);
  print(
    table(
      ['', 'ms/step', 'lowest to highest', 'J within', 'times ours', 'times ours, unchecked'],
      peers.map(({ name, agreement }, i) => {
        const turns = turnsMs[i] as readonly number[];
        return [
          name,
          of(i).toFixed(1),
          `${Math.min(...turns).toFixed(1)}–${Math.max(...turns).toFixed(1)}`,
          agreement.objective.toExponential(1),
          (of(i) / of(0)).toFixed(2),
          (of(i) / of(1)).toFixed(2),
        ];
      }),
    ),
  );
  results.push({
    batch,
    peers: peers.map(({ name, agreement }, i) => ({ name, agreement, medianMs: of(i), turnsMs: turnsMs[i] })),
  });
}
const result = { benchmark: 'peers', ...where, tfjs: backend.version, firstStep: first, steps: results };
if (values.json) console.log(JSON.stringify(result));
if (values.out) await writeResult(values.out, result);
