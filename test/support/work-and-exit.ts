/**
 * A process of its own for the tests of a clean exit: works a little on a fresh device and returns from its last line,
 * with the device disposed (`dispose`), left as it is (`leave`), dropped and collected (`drop`), or lost (`lose`).
 */
import { evaluate } from '../../src/graph/evaluate.ts';
import { openDevice } from '../../src/node/open-device.ts';
import { add } from '../../src/ops/add.ts';

const ending = process.argv[2];

async function work(): Promise<void> {
  const device = await openDevice();
  const one = { data: Float32Array.of(1), shape: [1] };
  const { two } = await evaluate(device, { one }, (graph, tensors) => ({
    two: add(graph, tensors.one, tensors.one),
  }));
  console.log(`1 + 1 = ${two[0]}`);
  if (ending === 'dispose') device.dispose();
  if (ending === 'lose') {
    const pending = device.idle();
    device.gpu.destroy();
    await pending.catch((error: Error) => console.log(error.message));
  }
}

await work();
if (ending === 'drop') {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
console.log('done');
