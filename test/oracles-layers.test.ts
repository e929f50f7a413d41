/** Dense layers, convolutions both ways, batch normalisation and activations, forward and backward, against known answers. */
import { expect, it } from 'vitest';
import { backward } from '../src/graph/backward.ts';
import { evaluate } from '../src/graph/evaluate.ts';
import { ACTIVATIONS, type ActivationKind } from '../src/ops/activation-kinds.ts';
import { activation } from '../src/ops/activation.ts';
import { matmul } from '../src/ops/matmul.ts';
import { batchNorm, batchNormFrozen } from '../src/ops/batch-norm.ts';
import { sameGeometry } from '../src/ops/conv-geometry.ts';
import { conv2d, conv2dTranspose } from '../src/ops/conv2d.ts';
import { addGradients } from '../src/ops/product.ts';
import { matmul as multiply } from '../src/nn/matmul.ts';
import type { FloatMatrix } from '../src/nn/matrix.ts';
import { describeGpu } from './support/device.ts';
import { type OracleArray, floats, oracleCases, relativeError } from './support/oracle.ts';

interface LayerCase {
  readonly inputs: Readonly<Record<string, OracleArray>>;
  readonly params: {
    readonly layer: string;
    readonly slope?: number;
    readonly stride?: number;
    readonly outputSize?: readonly number[];
  };
  readonly expected: Readonly<Record<string, OracleArray>>;
}

const all = oracleCases<LayerCase>('layers');
const dense = all.filter(({ params }) => params.layer === 'dense');
const normalised = all.filter(({ params }) => params.layer === 'batchnorm');
const convolutions = all.filter(({ params }) => params.layer.startsWith('conv2d'));
const activations = all.filter(({ params }) => (ACTIVATIONS as readonly string[]).includes(params.layer));

describeGpu('layers', (device) => {
  it('is checked in every case', () => {
    expect(dense.length).toBe(2);
    expect(normalised.length).toBe(3);
    expect(convolutions.length).toBe(8);
    expect(dense.length + normalised.length + convolutions.length + activations.length).toBe(all.length);
    expect(activations.map(({ params }) => params.layer).sort()).toEqual(
      ACTIVATIONS.filter((kind) => kind !== 'linear').toSorted(),
    );
  });

  it.each(dense)('$name', async ({ inputs, expected }) => {
    const results = await evaluate(
      device,
      {
        x: floats(inputs['x']!),
        weight: floats(inputs['weight']!),
        bias: floats(inputs['bias']!),
        upstream: floats(inputs['upstream']!),
      },
      (graph, { x, weight, bias, upstream }) => {
        const y = matmul(graph, x, weight, { bias });
        const gradients = backward(graph, [[y, upstream]], [x, weight, bias], addGradients);
        const [gradX, gradWeight, gradBias] = gradients.map((gradient) => gradient!);
        return { y, gradX: gradX!, gradWeight: gradWeight!, gradBias: gradBias! };
      },
    );
    for (const [name, values] of Object.entries(results))
      expect(relativeError(values, expected[name]!.data), name).toBeLessThan(1e-5);
    const product = await multiply(device, floats(inputs['x']!), floats(inputs['weight']!), {
      bias: floats(inputs['bias']!).data,
    });
    expect(product.shape).toEqual(expected['y']!.shape);
    expect(relativeError(product.data, expected['y']!.data)).toBeLessThan(1e-5);
  });

  it.each(convolutions)('$name', async ({ inputs, params, expected }) => {
    const transposed = params.layer === 'conv2d-transpose';
    const [batch, height, width, channels] = inputs['x']!.shape as [number, number, number, number];
    const [kernel, , third, fourth] = inputs['weight']!.shape as [number, number, number, number];
    const geometry = sameGeometry(
      transposed
        ? { height: params.outputSize![0]!, width: params.outputSize![1]!, channels: third }
        : { height, width, channels },
      { kernel, stride: params.stride!, filters: fourth },
    );
    const rows = (array: OracleArray): FloatMatrix => {
      const { data } = floats(array);
      return { data, shape: [batch, data.length / batch] };
    };
    const results = await evaluate(
      device,
      {
        x: rows(inputs['x']!),
        weight: floats(inputs['weight']!),
        bias: floats(inputs['bias']!),
        upstream: rows(inputs['upstream']!),
      },
      (graph, { x, weight, bias, upstream }) => {
        const y = (transposed ? conv2dTranspose : conv2d)(graph, x, weight, geometry, { bias });
        const gradients = backward(graph, [[y, upstream]], [x, weight, bias], addGradients);
        const [gradX, gradWeight, gradBias] = gradients.map((gradient) => gradient!);
        return { y, gradX: gradX!, gradWeight: gradWeight!, gradBias: gradBias! };
      },
    );
    for (const [name, values] of Object.entries(results))
      expect(relativeError(values, expected[name]!.data), name).toBeLessThan(1e-5);
  });

  it.each(activations)('$name', async ({ inputs, params, expected }) => {
    const results = await evaluate(
      device,
      { x: floats(inputs['x']!), upstream: floats(inputs['upstream']!) },
      (graph, { x, upstream }) => {
        const y = activation(graph, x, params.layer as ActivationKind, params.slope);
        const [gradX] = backward(graph, [[y, upstream]], [x], addGradients);
        return { y, gradX: gradX! };
      },
    );
    expect(relativeError(results.y, expected['y']!.data)).toBeLessThan(1e-5);
    expect(relativeError(results.gradX, expected['gradX']!.data)).toBeLessThan(1e-5);
  });

  it.each(normalised)('$name', async ({ name, inputs, expected }) => {
    const channels = inputs['gamma']!.shape[0]!;
    const matrixOf = (array: OracleArray): FloatMatrix => {
      const { data, shape } = floats(array);
      return { data, shape: [shape[0]!, data.length / shape[0]!] };
    };
    const results = await evaluate(
      device,
      {
        x: matrixOf(inputs['x']!),
        gamma: floats(inputs['gamma']!),
        beta: floats(inputs['beta']!),
        upstream: matrixOf(inputs['upstream']!),
        runningMean: floats(inputs['runningMean']!),
        runningVar: floats(inputs['runningVar']!),
      },
      (graph, { x, gamma, beta, upstream, runningMean, runningVar }) => {
        const { y, mean, variance } = batchNorm(graph, x, { channels, gamma, beta });
        const gradients = backward(graph, [[y, upstream]], [x, gamma, beta], addGradients);
        const [gradX, gradGamma, gradBeta] = gradients.map((gradient) => gradient!);
        return {
          y,
          batchMean: mean,
          batchVar: variance,
          gradX: gradX!,
          gradGamma: gradGamma!,
          gradBeta: gradBeta!,
          inferenceY: batchNormFrozen(graph, x, { gamma, beta, mean: runningMean, variance: runningVar }),
        };
      },
    );
    const allowed = name.endsWith('offset48') ? 2e-5 : 1e-5;
    for (const [output, values] of Object.entries(results))
      expect(relativeError(values, expected[output]!.data), output).toBeLessThan(allowed);
  });
});
