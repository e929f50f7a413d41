// Trains on the built-in digit 1 for a few steps, writes the model, and draws three samples as text.
//   node examples/train-glyphs.mjs [steps]          default 60; 1000 steps give clean digits
import { Trainer, adam, mlp } from 'entropic-gan';
import { loadDataset, openDevice, writeModel } from 'entropic-gan/node';

const steps = Number(process.argv[2] ?? 60);
const device = await openDevice();
console.log(`adapter: ${device.adapter.description || device.adapter.device} (${device.adapter.kind})`);

const ones = await loadDataset('glyphs?labels=1&limit=2000');
const trainer = await Trainer.create(device, {
  model: mlp({ sample: ones.shape, latent: 16, hidden: [128, 128] }),
  cost: 'half-squared',
  // Approach λ = 1 from above, so that the critics have something to say from the start.
  lambda: [
    [0, 2],
    [20, 1.4],
    [40, 1],
  ],
  generator: adam({ rate: 1e-3, beta1: 0.5, beta2: 0.99 }),
  critic: adam({ rate: 1e-3, beta1: 0.5, beta2: 0.99 }),
  batch: 64,
  seed: 1,
});
for await (const { step, objective, transportCost, meanP } of trainer.run(ones, { steps, reportEvery: 20 }))
  console.log(
    `step ${step}: J ${objective.toFixed(2)}, transport cost ${transportCost.toFixed(2)}, mean p ${meanP.toFixed(3)}`,
  );

await writeModel('runs/example/ones.safetensors', await trainer.model());
console.log('wrote runs/example/ones.safetensors');

const pictures = await trainer.sample(3, { seed: 1 }); // [3, 784], row-major
for (let row = 0; row < 28; row += 2) {
  const line = Array.from({ length: 3 * 28 }, (_, x) => {
    const value = pictures[Math.floor(x / 28) * 784 + row * 28 + (x % 28)] ?? 0;
    return ' .:-=+*#%@'[Math.round(value * 9)];
  });
  console.log(line.join(''));
}

trainer.dispose();
device.dispose();
