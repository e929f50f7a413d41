// Log-likelihoods for a generator of your own: you bring samples, latents and critic values as arrays, the library
// brings the estimators. Here G(x) = 2x + 1 in two dimensions, whose exact density is known: N(1, (4 + λ)·I).
import { CERTIFICATE_DELTA, certificate, logLikelihood } from 'entropic-gan';
import { openDevice } from 'entropic-gan/node';

const K = 20_000; // latents
const r = 2; // latent dimensions, and here data dimensions too
const lambda = 0.5;

// Any source of standard normals will do; this one is seeded, so that the example prints the same every time.
let state = 1;
const uniform = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());

const latents = Float32Array.from({ length: K * r }, normal);
const generated = latents.map((x) => 2 * x + 1);
// D₂ of each generated sample: any function of it keeps S_K below L_K, and a good one brings it near.
const criticFake = Float32Array.from(
  { length: K },
  (_, k) => 0.05 * (generated[2 * k] ** 2 + generated[2 * k + 1] ** 2),
);
const observations = { data: new Float32Array([1, 1, 4, 0, -5, 6]), shape: [3, 2] };

const device = await openDevice();
const scores = await logLikelihood(device, {
  observations,
  generated: { data: generated, shape: [K, 2] },
  latents: { data: latents, shape: [K, r] },
  criticFake,
  cost: 'half-squared', // f(y|x) = N(G(x), λI)
  lambda,
});

console.log(`log C = ${scores.logC.toFixed(4)}, certificates hold with probability ${1 - CERTIFICATE_DELTA}`);
for (let i = 0; i < 3; i++) {
  const y = observations.data.subarray(2 * i, 2 * i + 2);
  const variance = 4 + lambda;
  const exact = -Math.log(2 * Math.PI * variance) - ((y[0] - 1) ** 2 + (y[1] - 1) ** 2) / (2 * variance);
  const importance = scores.importance[i];
  console.log(
    `y = [${y.join(', ')}]: exact ${exact.toFixed(3)}, L_K ${importance.toFixed(3)}, S_K ${scores.surrogate[i].toFixed(3)}, ` +
      `ESS ${scores.essImportance[i].toFixed(0)} of ${K}, certified above ${certificate(importance).toFixed(3)}`,
  );
  if (Math.abs(importance - exact) > 0.2 || scores.surrogate[i] > importance)
    throw new Error(`L_K is ${importance}, the exact log-likelihood ${exact}`);
}
device.dispose();
