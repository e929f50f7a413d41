/**
 * Float64 twin of the convolution, the transposed convolution and their gradients. With ⟨image, windows⟩ pairs (p, w, t) where
 * pixel p lies under window w at tap t:
 *   conv      windows[w, f] = Σ image[p, c]·W[t, c, f]        convᵀ     image[p, c] = Σ windows[w, f]·W[t, c, f]
 *   weight    W[t, c, f] = Σ image[p, c]·windows[w, f]
 * Images [batch, height, width, channels], windows [batch, rows, columns, filters], W [kernel, kernel, channels, filters].
 */
import type { ConvGeometry } from '../../src/ops/conv-geometry.ts';
import type { ActivationKind } from '../../src/ops/activation-kinds.ts';
import type { Round } from '../support/case.ts';
import { activate, activationDerivative } from './activation.ts';

export interface Convolution {
  readonly geometry: ConvGeometry;
  readonly batch: number;
  /** The image, or the windows of a transposed convolution. */
  readonly x: ArrayLike<number>;
  readonly weight: ArrayLike<number>;
  readonly bias?: ArrayLike<number>;
  readonly activation?: ActivationKind;
  readonly slope?: number;
}

/** Calls back with the indices of image, windows and W of every product. */
function eachProduct(
  g: ConvGeometry,
  batch: number,
  visit: (image: number, windows: number, weight: number) => void,
): void {
  for (let b = 0; b < batch; b++)
    for (let r = 0; r < g.rows; r++)
      for (let q = 0; q < g.columns; q++)
        for (let u = 0; u < g.kernel; u++)
          for (let v = 0; v < g.kernel; v++) {
            const y = r * g.stride - g.padTop + u;
            const x = q * g.stride - g.padLeft + v;
            if (y < 0 || y >= g.height || x < 0 || x >= g.width) continue;
            for (let c = 0; c < g.channels; c++)
              for (let f = 0; f < g.filters; f++)
                visit(
                  ((b * g.height + y) * g.width + x) * g.channels + c,
                  ((b * g.rows + r) * g.columns + q) * g.filters + f,
                  ((u * g.kernel + v) * g.channels + c) * g.filters + f,
                );
          }
}

function finished(sums: Float64Array, width: number, conv: Convolution, round: Round): Float64Array {
  const { bias, activation = 'linear', slope = 0.2 } = conv;
  return sums.map((sum, i) => activate(activation, bias ? round(sum + bias[i % width]!) : sum, slope, round));
}

/** Windows, [batch, rows, columns, filters]. */
export function conv2d(conv: Convolution, round: Round): Float64Array {
  const { geometry: g, batch, x, weight } = conv;
  const sums = new Float64Array(batch * g.rows * g.columns * g.filters);
  eachProduct(g, batch, (image, windows, tap) => {
    sums[windows] = round(sums[windows]! + round(x[image]! * weight[tap]!));
  });
  return finished(sums, g.filters, conv, round);
}

/** An image, [batch, height, width, channels]. */
export function conv2dTranspose(conv: Convolution, round: Round): Float64Array {
  const { geometry: g, batch, x, weight } = conv;
  const sums = new Float64Array(batch * g.height * g.width * g.channels);
  eachProduct(g, batch, (image, windows, tap) => {
    sums[image] = round(sums[image]! + round(x[windows]! * weight[tap]!));
  });
  return finished(sums, g.channels, conv, round);
}

/** Gradient of the weights, [kernel, kernel, channels, filters]. */
export function conv2dWeight(
  {
    geometry: g,
    batch,
    image,
    windows,
  }: {
    geometry: ConvGeometry;
    batch: number;
    image: ArrayLike<number>;
    windows: ArrayLike<number>;
  },
  round: Round,
): Float64Array {
  const sums = new Float64Array(g.kernel * g.kernel * g.channels * g.filters);
  eachProduct(g, batch, (pixel, window, tap) => {
    sums[tap] = round(sums[tap]! + round(image[pixel]! * windows[window]!));
  });
  return sums;
}

/** Gradients of x, W and bias, from the result and the gradient of it. */
export function convGradients(
  kind: 'conv2d' | 'conv2d-transpose',
  conv: Convolution,
  out: ArrayLike<number>,
  outGradient: ArrayLike<number>,
  round: Round,
): { x: Float64Array; weight: Float64Array; bias: Float64Array } {
  const { geometry, batch, x, weight, activation = 'linear', slope = 0.2 } = conv;
  const dz = Float64Array.from(out, (y, i) =>
    round(outGradient[i]! * activationDerivative(activation, y, slope, round)),
  );
  const width = kind === 'conv2d' ? geometry.filters : geometry.channels;
  const bias = new Float64Array(width);
  dz.forEach((value, i) => (bias[i % width] = round(bias[i % width]! + value)));
  const back = { geometry, batch, x: dz, weight };
  return kind === 'conv2d'
    ? {
        x: conv2dTranspose(back, round),
        weight: conv2dWeight({ geometry, batch, image: x, windows: dz }, round),
        bias,
      }
    : {
        x: conv2d(back, round),
        weight: conv2dWeight({ geometry, batch, image: dz, windows: x }, round),
        bias,
      };
}
