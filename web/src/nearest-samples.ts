/** The generated samples that differ least from an image, by the Euclidean distance of their pixels. */
import { find } from './find.ts';
import { fixed } from './numbers.ts';
import { type Picture, drawPicture, pictureOf } from './picture.ts';

/** Samples that are searched. */
export const SEARCHED = 1000;
const SHOWN = 5;

export interface Near {
  readonly row: number;
  readonly distance: number;
}

/** The `count` rows of `samples`, [n, d], nearest to `image`, [d], the nearest first. */
export function nearestRows(samples: Float32Array, image: Float32Array, count: number): Near[] {
  const d = image.length;
  const found = Array.from({ length: samples.length / d }, (_, row): Near => {
    let squares = 0;
    for (let i = 0; i < d; i++) squares += ((samples[row * d + i] as number) - (image[i] as number)) ** 2;
    return { row, distance: Math.sqrt(squares) };
  });
  return found.sort((a, b) => a.distance - b.distance).slice(0, count);
}

/** Shows the nearest samples; none until there are both. */
export function showNearest(
  samples: Float32Array | undefined,
  image: Float32Array | undefined,
  shape: readonly number[],
): void {
  const list = find('#nearest', HTMLUListElement);
  if (!samples || !image) {
    list.replaceChildren();
    return;
  }
  const found = nearestRows(samples, image, SHOWN).map(({ row, distance }) =>
    captioned(
      pictureOf(samples.subarray(row * image.length, (row + 1) * image.length), shape),
      `distance ${fixed(distance)}`,
      `Generated sample at distance ${fixed(distance)}`,
    ),
  );
  list.replaceChildren(captioned(pictureOf(image, shape), 'the image', 'The image'), ...found);
}

function captioned(picture: Picture, caption: string, description: string): HTMLLIElement {
  const item = document.createElement('li');
  const canvas = document.createElement('canvas');
  canvas.className = 'tile';
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', description);
  drawPicture(canvas, picture);
  const label = document.createElement('span');
  label.textContent = caption;
  label.setAttribute('aria-hidden', 'true');
  item.append(canvas, label);
  return item;
}
