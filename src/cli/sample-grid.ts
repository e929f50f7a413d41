/** Samples of a generator as a PNG picture. */
import { type Images, imageGrid } from '../report/grid.ts';
import { writeWhole } from '../node/files.ts';
import { encodePng } from './png.ts';

/** Picture pixels of one image pixel, for small images to be seen. */
const ZOOM = 2;

/** Whether samples of this shape are images that a grid can show. */
export function isImage(shape: readonly number[]): boolean {
  return shape.length === 3 && (shape[2] === 1 || shape[2] === 3);
}

/** Writes a grid of images. */
export async function writeGrid(path: string, images: Images): Promise<void> {
  await writeWhole(path, encodePng(imageGrid(images, { zoom: ZOOM })));
}
