/** Cases of the crop, its gradient and the gradient's gradient: lines around the 64 of a workgroup, nothing cut, one pixel left. */
import { backward } from '../../src/graph/backward.ts';
import { add } from '../../src/ops/add.ts';
import { type CropShape, crop } from '../../src/ops/crop.ts';
import * as twin from '../reference/crop.ts';
import type { KernelCase } from '../support/case.ts';
import { filled, randomOf } from '../support/random.ts';

/** batch, height, width, channels, toHeight, toWidth. */
const sizes: readonly (readonly [number, number, number, number, number, number])[] = [
  [1, 1, 1, 1, 1, 1],
  [3, 4, 5, 1, 1, 1],
  [2, 5, 4, 3, 5, 4],
  [3, 4, 8, 8, 3, 7],
  [2, 3, 9, 8, 3, 8],
  [2, 4, 14, 5, 2, 13],
  [5, 32, 32, 1, 28, 28],
  [64, 8, 8, 128, 7, 7],
  [128, 32, 32, 3, 28, 28],
];

function caseOf(
  [batch, height, width, channels, toHeight, toWidth]: (typeof sizes)[number],
  seed: number,
): KernelCase {
  const { normal } = randomOf(seed);
  const shape: CropShape = { height, width, channels, toHeight, toWidth };
  const x = filled(batch * height * width * channels, normal);
  const g = filled(batch * toHeight * toWidth * channels, normal);
  const h = filled(x.length, normal);
  const inputs = {
    x: { data: x, shape: [batch, height * width * channels] },
    g: { data: g, shape: [batch, toHeight * toWidth * channels] },
    h: { data: h, shape: [batch, height * width * channels] },
  };
  return {
    name: `${batch}x${height}x${width}x${channels}-to-${toHeight}x${toWidth}`,
    inputs,
    // dx of Σ g ⊙ out, and, differentiated again, the gradient of Σ h ⊙ dx with respect to g.
    build: (graph, tensors) => {
      const {
        x: images,
        g: upstream,
        h: again,
      } = tensors as Record<keyof typeof inputs, (typeof tensors)[string]>;
      const out = crop(graph, images, shape);
      const [dx] = backward(graph, [[out, upstream]], [images], add);
      const [second] = backward(graph, [[dx!, again]], [upstream], add);
      return { out, dx: dx!, second: second! };
    },
    reference: () => ({
      out: twin.crop(x, shape),
      dx: twin.cropGradient(g, shape),
      second: twin.crop(h, shape),
    }),
  };
}

export const cases: readonly KernelCase[] = sizes.map((size, i) => caseOf(size, 900 + i));
