/** Pictures as PNG files. */
import { PNG } from 'pngjs';
import type { Picture } from '../report/grid.ts';

/** The bytes of a PNG file of a picture. */
export function encodePng({ width, height, data }: Picture): Uint8Array {
  const png = new PNG({ width, height });
  png.data.set(data);
  return PNG.sync.write(png);
}
