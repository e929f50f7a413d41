/** What batch normalisation promises beyond its formulas: rows that stand alone once frozen, gradients that cannot get lost. */
import { describe, expect, it } from 'vitest';
import { backward } from '../src/graph/backward.ts';
import { evaluate } from '../src/graph/evaluate.ts';
import { Graph, type Tensor } from '../src/graph/graph.ts';
import { add } from '../src/ops/add.ts';
import { batchNorm, batchNormFrozen } from '../src/ops/batch-norm.ts';
import { describeGpu } from './support/device.ts';
import { filled, randomOf } from './support/random.ts';

describeGpu('frozen batch normalisation', (device) => {
  it('gives a row the same bits whatever its batch', async () => {
    const [rows, channels] = [300, 19];
    const { normal, uniform } = randomOf(5);
    const size = 4 * channels;
    const all = filled(rows * size, normal);
    const ofChannels = (value: () => number) => ({ data: filled(channels, value), shape: [channels] });
    const parameters = {
      gamma: ofChannels(normal),
      beta: ofChannels(normal),
      mean: ofChannels(normal),
      variance: ofChannels(uniform),
    };
    const normalise = async (first: number, count: number): Promise<Float32Array> => {
      const x = { data: all.slice(first * size, (first + count) * size), shape: [count, size] };
      const { y } = await evaluate(device, { x, ...parameters }, (graph, { x: at, ...options }) => ({
        y: batchNormFrozen(graph, at, { ...options, activation: 'tanh' }),
      }));
      return y;
    };
    const whole = await normalise(0, rows);
    for (const [first, count] of [
      [0, 1],
      [7, 1],
      [290, 10],
      [3, 131],
    ] as const) {
      const part = await normalise(first, count);
      expect(part).toEqual(whole.slice(first * size, (first + count) * size));
    }
  });
});

describe('gradients that batch normalisation does not have', () => {
  const made = () => {
    const graph = new Graph();
    const input = (name: string, shape: readonly number[]): Tensor =>
      graph.external(name, shape, { buffer: name, offset: 0 });
    return { graph, input, x: input('x', [8, 6]), gamma: input('gamma', [3]), beta: input('beta', [3]) };
  };

  it.each(['mean', 'variance'] as const)('through the %s of the batch', (statistic) => {
    const { graph, input, x, gamma, beta } = made();
    const found = batchNorm(graph, x, { channels: 3, gamma, beta });
    expect(() => backward(graph, [[found[statistic], input('seed', [3])]], [x], add)).toThrow(
      /batch-norm: gradients pass through .* only/,
    );
  });

  it.each(['mean', 'variance'] as const)('for a given %s', (statistic) => {
    const { graph, input, x, gamma, beta } = made();
    const given = { mean: input('mean', [3]), variance: input('variance', [3]) };
    const y = batchNormFrozen(graph, x, { gamma, beta, ...given });
    expect(() => backward(graph, [[y, input('seed', [8, 6])]], [given[statistic]], add)).toThrow(
      /mean and variance have no gradient/,
    );
  });

  it('for rows that are not a multiple of the channels', () => {
    const { graph, input, gamma, beta } = made();
    expect(() => batchNorm(graph, input('odd', [8, 7]), { channels: 3, gamma, beta })).toThrow(
      /odd is \[8,7\].*multiple of 3 channels/,
    );
  });
});
