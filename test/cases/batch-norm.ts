/**
 * Cases of batch normalisation with its gradients: channels around the tiles' 16, 32 and 64, rows around eight at a time,
 * one chunk and many, means far larger than the spread, a channel that does not vary; and with frozen statistics.
 */
import { backward } from '../../src/graph/backward.ts';
import type { Tensor } from '../../src/graph/graph.ts';
import { ACTIVATIONS, type ActivationKind } from '../../src/ops/activation-kinds.ts';
import { add } from '../../src/ops/add.ts';
import { batchNorm, batchNormFrozen } from '../../src/ops/batch-norm.ts';
import * as twin from '../reference/batch-norm.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

interface Shape {
  /** Rows of x, each with `pixels` values of every channel. */
  readonly batch: number;
  readonly pixels: number;
  readonly channels: number;
  readonly activation?: ActivationKind;
  readonly frozen?: boolean;
  /** Mean of x; its spread is 1. */
  readonly offset?: number;
  /** A channel in three does not vary, and one in three has a single value far from the others. */
  readonly uneven?: boolean;
  readonly hardwareOnly?: boolean;
}

const SLOPE = 0.3;

const shapes: readonly Shape[] = [
  { batch: 1, pixels: 1, channels: 1 },
  { batch: 2, pixels: 1, channels: 3 },
  { batch: 7, pixels: 9, channels: 1, activation: 'tanh' },
  { batch: 5, pixels: 13, channels: 15, activation: 'relu' },
  { batch: 16, pixels: 8, channels: 16, activation: 'leaky-relu' },
  { batch: 43, pixels: 3, channels: 17, activation: 'relu' },
  { batch: 32, pixels: 1, channels: 63, activation: 'sigmoid' },
  { batch: 31, pixels: 1, channels: 64, activation: 'softplus' },
  { batch: 65, pixels: 5, channels: 65, activation: 'relu' },
  { batch: 100, pixels: 49, channels: 3, activation: 'relu' },
  { batch: 33, pixels: 64, channels: 8, activation: 'relu', offset: 48 },
  { batch: 40, pixels: 25, channels: 20, activation: 'relu', offset: -1000 },
  { batch: 130, pixels: 3, channels: 9, activation: 'tanh', uneven: true },
  { batch: 64, pixels: 196, channels: 16, activation: 'relu' },
  { batch: 64, pixels: 1, channels: 512, activation: 'relu' },
  { batch: 64, pixels: 49, channels: 64, activation: 'leaky-relu' },
  { batch: 128, pixels: 196, channels: 256, activation: 'relu', hardwareOnly: true },
  { batch: 128, pixels: 1, channels: 4096, activation: 'relu', hardwareOnly: true },
  ...ACTIVATIONS.map((activation): Shape => ({ batch: 9, pixels: 4, channels: 5, activation, frozen: true })),
  { batch: 1, pixels: 1, channels: 1, frozen: true },
  { batch: 100, pixels: 16, channels: 70, activation: 'relu', frozen: true },
  { batch: 64, pixels: 196, channels: 16, activation: 'relu', frozen: true },
];

function caseOf(shape: Shape, seed: number): KernelCase {
  const { batch, pixels, channels, activation = 'linear', frozen = false } = shape;
  const { normal, uniform } = randomOf(seed);
  const rows = batch * pixels;
  const x = filled(rows * channels, (i) => {
    const [row, kind] = [Math.floor(i / channels), (i % channels) % 3];
    const value = normal() + (shape.offset ?? 0);
    if (!shape.uneven || kind === 0) return value;
    if (kind === 1) return 2.5;
    return row === 0 ? 1000 : value;
  });
  const gamma = filled(channels, () => 1 + 0.3 * normal());
  const beta = filled(channels, normal);
  const mean = filled(channels, normal);
  const variance = filled(channels, () => 0.5 + uniform());
  const upstream = filled(rows * channels, normal);
  const size = [batch, pixels * channels];
  const inputs = {
    x: { data: x, shape: size },
    gamma: { data: gamma, shape: [channels] },
    beta: { data: beta, shape: [channels] },
    upstream: { data: upstream, shape: size },
    ...(frozen
      ? { mean: { data: mean, shape: [channels] }, variance: { data: variance, shape: [channels] } }
      : {}),
  };
  const given = { rows, channels, x, gamma, beta, activation, slope: SLOPE };
  const named = [
    frozen ? 'frozen' : 'batch',
    `${batch}x${pixels}x${channels}`,
    activation,
    ...(shape.offset ? [`offset${shape.offset}`] : []),
    ...(shape.uneven ? ['uneven'] : []),
  ];
  return {
    name: named.join('-'),
    inputs,
    build: (graph, tensors) => {
      const of = (name: string): Tensor => tensors[name] as Tensor;
      const options = { gamma: of('gamma'), beta: of('beta'), activation, slope: SLOPE };
      const made = frozen
        ? { y: batchNormFrozen(graph, of('x'), { ...options, mean: of('mean'), variance: of('variance') }) }
        : batchNorm(graph, of('x'), { ...options, channels });
      const wanted = [of('x'), of('gamma'), of('beta')];
      const [dx, dgamma, dbeta] = backward(graph, [[made.y, of('upstream')]], wanted, add);
      return { ...made, dx: dx!, dgamma: dgamma!, dbeta: dbeta! };
    },
    reference: (round) => {
      const statistics = frozen ? { mean, variance } : twin.batchStatistics(given, round);
      const y = twin.batchNorm(given, statistics, round);
      const d = twin.batchNormGradients(given, statistics, y, upstream, frozen, round);
      return { ...(frozen ? {} : statistics), y, dx: d.x, dgamma: d.gamma, dbeta: d.beta };
    },
    // Values of both signs cancel in a mean: it is held against that of their absolute values.
    termsOf: () => ({
      mean: Math.max(...twin.batchStatistics({ rows, channels, x: x.map(Math.abs) }, (value) => value).mean),
    }),
    ...(shape.hardwareOnly ? { hardwareOnly: true } : {}),
    ...(shape.uneven || shape.offset ? { bench: false } : {}),
  };
}

export const cases: readonly KernelCase[] = shapes.map((shape, i) => caseOf(shape, 1000 + i));
