// Networks of your own as plain lists of layers, with separate critics, on data of your own: points on a noisy ring.
// Then the same model read back from its file and used for scores.
import { Scorer, Trainer, adam, dataset, meanInterval } from 'entropic-gan';
import { openDevice, readModel, writeModel } from 'entropic-gan/node';

const ring = (count, radius) =>
  dataset({
    name: `ring of radius ${radius}`,
    shape: [count, 2],
    data: Float32Array.from({ length: 2 * count }, (_, i) => {
      const angle = 2.399963 * Math.floor(i / 2); // the golden angle: evenly spread, no randomness needed
      return radius * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle)) * (1 + 0.05 * Math.sin(7.3 * i));
    }),
  });

const device = await openDevice();
const trainer = await Trainer.create(device, {
  model: {
    sample: [2],
    latent: 2,
    generator: [
      { kind: 'dense', units: 64, activation: 'tanh' },
      { kind: 'dense', units: 64, activation: 'tanh' },
      { kind: 'dense', units: 2 },
    ],
    critic: {
      // D₁ on data and D₂ on generated samples share nothing here; { trunk: [layers] } would share all but the heads.
      real: [
        { kind: 'dense', units: 64, activation: 'leaky-relu' },
        { kind: 'dense', units: 1 },
      ],
      fake: [
        { kind: 'dense', units: 64, activation: 'leaky-relu' },
        { kind: 'dense', units: 1 },
      ],
    },
  },
  cost: 'squared',
  lambda: 0.2,
  generator: adam({ rate: 2e-3, beta1: 0.5, beta2: 0.99 }),
  critic: adam({ rate: 2e-3, beta1: 0.5, beta2: 0.99 }),
  batch: 64,
  seed: 3,
});
for await (const { step, objective } of trainer.run(ring(1024, 1), { steps: 200, reportEvery: 50 }))
  console.log(`step ${step}: J ${objective.toFixed(3)}`);
await writeModel('runs/example/ring.safetensors', await trainer.model());
trainer.dispose();

const scorer = await Scorer.create(device, await readModel('runs/example/ring.safetensors'), {
  latents: 2000,
});
const means = [];
for (const set of [ring(200, 1), ring(200, 2)]) {
  const { importance, importanceWithoutBank, verdict } = await scorer.score(set);
  const { value, low, high } = meanInterval(importance, importanceWithoutBank);
  const tight = verdict.filter((of) => of.tight).length;
  console.log(
    `${set.name}: mean L_K ${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}], ${tight}/200 tight`,
  );
  means.push(value);
}
scorer.dispose();
device.dispose();
if (!(means[0] > means[1])) throw new Error('the ring trained on should be likelier than the other');
