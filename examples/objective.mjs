// The entropic objective of one batch, its coupling's diagnostics and its gradients, for networks of your own.
// Climbing J in the critic values alone, with the samples held fixed, solves entropic optimal transport between them:
// at the top every row and column mean of the coupling is 1.
import { entropicObjective } from 'entropic-gan';
import { openDevice } from 'entropic-gan/node';

const n = 6;
const real = { data: Float32Array.from({ length: n }, (_, i) => i), shape: [n, 1] }; // 0, 1, … 5
const fake = { data: Float32Array.from({ length: n }, (_, j) => j + 2), shape: [n, 1] }; // the same, moved by 2
let criticReal = new Float32Array(n);
let criticFake = new Float32Array(n);

const device = await openDevice();
const objectiveOf = () =>
  entropicObjective(device, {
    real,
    fake,
    criticReal,
    criticFake,
    cost: 'half-squared',
    lambda: 2,
    form: 'logmeanexp',
  });

const print = (step, { objective, maxRowError, maxColError, transportCost, meanPLogP }) =>
  console.log(
    `step ${step}: J ${objective.toFixed(4)}, rows off by ${maxRowError.toFixed(4)}, columns by ${maxColError.toFixed(4)}, ` +
      `transport cost ${transportCost.toFixed(3)}, KL ${meanPLogP.toFixed(3)}`,
  );

const steps = 120;
const rate = 3; // the gradients are means over the batch, and therefore small
for (let step = 0; step < steps; step++) {
  const { gradCriticReal, gradCriticFake, ...values } = await objectiveOf();
  if (step % 30 === 0) print(step, values);
  criticReal = criticReal.map((value, i) => value + rate * gradCriticReal[i]);
  criticFake = criticFake.map((value, j) => value + rate * gradCriticFake[j]);
}
const end = await objectiveOf();
print(steps, end);
if (Math.max(end.maxRowError, end.maxColError) > 0.05)
  throw new Error('the critics have not reached the optimal coupling');

// Where the generated samples should go: down the gradient of J, towards the data.
console.log(`−∂J/∂ŷ: ${Array.from(end.gradFake.data, (g) => (-g).toFixed(3)).join(', ')}`);
device.dispose();
