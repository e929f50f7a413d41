/**
 * A stack of layers in tfjs: one of its operations for each part, with bias and activation fused into the product where
 * tfjs can. While gradients are taken it does not: operations fused there give the gradients of all their inputs at once,
 * wanted or not, so those without activation, which it would fuse, are written out.
 */
import type { Tensor, Tensor1D, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs';
import type { Layer, Stack } from '../../src/nn/layers.ts';
import type { ActivationKind } from '../../src/ops/activation-kinds.ts';
import type { Tfjs } from './backend.ts';

const EPSILON = 1e-5;
/** Names of the activations that tfjs fuses. */
const FUSED = { relu: 'relu', 'leaky-relu': 'leakyrelu', sigmoid: 'sigmoid' } as const;

/** x, [batch, …input], to [batch, …output]. */
export function applyStack(
  tf: Tfjs,
  { prefix, input, layers }: Stack,
  weights: ReadonlyMap<string, Variable>,
  x: Tensor,
): Tensor {
  const batch = x.shape[0] as number;
  return layers.reduce<Tensor>(
    (value, layer, i) => applyLayer(tf, layer, value, (part) => weights.get(`${prefix}.${i}.${part}`)),
    tf.reshape(x, [batch, ...input]),
  );
}

function applyLayer(
  tf: Tfjs,
  layer: Layer,
  x: Tensor,
  parameter: (part: string) => Variable | undefined,
): Tensor {
  const batch = x.shape[0] as number;
  switch (layer.kind) {
    case 'dense':
    case 'conv2d': {
      const { activation = 'linear', slope = 0.2 } = layer;
      const weight = parameter('weight') as Variable;
      const bias = parameter('bias');
      const fused = (FUSED as Partial<Record<ActivationKind, (typeof FUSED)[keyof typeof FUSED]>>)[
        activation
      ];
      const behind = fused
        ? { activation: fused, leakyreluAlpha: slope, ...(bias ? { bias } : {}) }
        : undefined;
      const finish = (sums: Tensor): Tensor =>
        activate(tf, bias ? tf.add(sums, bias) : sums, activation, slope);
      if (layer.kind === 'dense') {
        const a = tf.reshape(x, [batch, -1]) as Tensor2D;
        const b = weight as unknown as Tensor2D;
        return behind ? tf.fused.matMul({ a, b, ...behind }) : finish(tf.matMul(a, b));
      }
      const { stride = 1 } = layer;
      const image = x as Tensor4D;
      const filter = weight as unknown as Tensor4D;
      return behind
        ? tf.fused.conv2d({ x: image, filter, strides: stride, pad: 'same', ...behind })
        : finish(tf.conv2d(image, filter, stride, 'same'));
    }
    case 'conv2d-transpose': {
      const { activation = 'linear', slope = 0.2, filters, stride = 1 } = layer;
      const [, height, width] = x.shape as [number, number, number, number];
      const weight = parameter('weight') as unknown as Tensor4D;
      const bias = parameter('bias');
      const to: [number, number, number, number] = [batch, height * stride, width * stride, filters];
      const sums = tf.conv2dTranspose(x as Tensor4D, weight, to, stride, 'same');
      return activate(tf, bias ? tf.add(sums, bias) : sums, activation, slope);
    }
    case 'batch-norm': {
      const { activation = 'linear', slope = 0.2 } = layer;
      const { mean, variance } = tf.moments(
        x,
        x.shape.slice(0, -1).map((_, axis) => axis),
      );
      const [gamma, beta] = ['gamma', 'beta'].map((part) => parameter(part) as unknown as Tensor1D);
      const normal = tf.batchNorm(x, mean as Tensor1D, variance as Tensor1D, beta, gamma, EPSILON);
      return activate(tf, normal, activation, slope);
    }
    case 'quadratic': {
      const rows = tf.reshape(x, [batch, -1]) as Tensor2D;
      const product = tf.add(
        tf.matMul(rows, parameter('weight') as unknown as Tensor2D),
        parameter('linear') as Variable,
      );
      const value = tf.sum(tf.mul(product, rows), 1, true);
      const bias = parameter('bias');
      return bias ? tf.add(value, bias) : value;
    }
    case 'crop':
      return tf.slice(x, [0, 0, 0, 0], [batch, layer.height, layer.width, x.shape[3] as number]);
    case 'reshape':
      return tf.reshape(x, [batch, ...layer.shape]);
    case 'flatten':
      return tf.reshape(x, [batch, -1]);
  }
}

function activate(tf: Tfjs, x: Tensor, activation: ActivationKind, slope: number): Tensor {
  switch (activation) {
    case 'linear':
      return x;
    case 'relu':
      return tf.relu(x);
    case 'leaky-relu':
      return tf.leakyRelu(x, slope);
    case 'sigmoid':
      return tf.sigmoid(x);
    case 'tanh':
      return tf.tanh(x);
    case 'softplus':
      return tf.softplus(x);
  }
}
