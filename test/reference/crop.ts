/** Twin of the crop of images x [batch, height, width, channels]: out_brsc = x_brsc; and of its gradient, dx_brsc = g_brsc or 0. */
import type { CropShape } from '../../src/ops/crop.ts';

/** [batch, toHeight, toWidth, channels] */
export function crop(
  x: ArrayLike<number>,
  { height, width, channels, toHeight, toWidth }: CropShape,
): Float64Array {
  const batch = x.length / (height * width * channels);
  const out = new Float64Array(batch * toHeight * toWidth * channels);
  for (let b = 0; b < batch; b++)
    for (let r = 0; r < toHeight; r++)
      for (let s = 0; s < toWidth; s++)
        for (let c = 0; c < channels; c++)
          out[((b * toHeight + r) * toWidth + s) * channels + c] =
            x[((b * height + r) * width + s) * channels + c]!;
  return out;
}

/** dx from the gradient g of the crop. */
export function cropGradient(
  g: ArrayLike<number>,
  { height, width, channels, toHeight, toWidth }: CropShape,
): Float64Array {
  const batch = g.length / (toHeight * toWidth * channels);
  const dx = new Float64Array(batch * height * width * channels);
  for (let b = 0; b < batch; b++)
    for (let r = 0; r < toHeight; r++)
      for (let s = 0; s < toWidth; s++)
        for (let c = 0; c < channels; c++)
          dx[((b * height + r) * width + s) * channels + c] =
            g[((b * toHeight + r) * toWidth + s) * channels + c]!;
  return dx;
}
