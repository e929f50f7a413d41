/** Whether a picture is dark ink on light paper: whether its border is lighter than its middle. */
import type { ImageSource } from '../../src/browser.ts';

const SIZE = 32;
/** Width of the border, in pixels of the small copy that is looked at. */
const BORDER = 3;
/** Half the width of the middle. */
const MIDDLE = 8;
/** What is transparent counts as neither: the paper is whatever the ink is not. */
const NEUTRAL = 'rgb(128 128 128)';

/** @throws DOMException where the picture cannot be decoded; `readImages` says so better. */
export async function isDarkOnLight(source: ImageSource): Promise<boolean> {
  const bitmap = await createImageBitmap(source);
  const canvas = new OffscreenCanvas(SIZE, SIZE);
  const context = canvas.getContext('2d', { willReadFrequently: true }) as OffscreenCanvasRenderingContext2D;
  context.fillStyle = NEUTRAL;
  context.fillRect(0, 0, SIZE, SIZE);
  context.imageSmoothingQuality = 'medium';
  context.drawImage(bitmap, 0, 0, SIZE, SIZE);
  bitmap.close();
  return isBorderLighter(context.getImageData(0, 0, SIZE, SIZE));
}

/** Whether the mean over the border is above the mean over the middle, of the three colours together. */
export function isBorderLighter({
  data,
  width,
  height,
}: Pick<ImageData, 'data' | 'width' | 'height'>): boolean {
  const sums = { border: 0, middle: 0 };
  const counts = { border: 0, middle: 0 };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const inset = Math.min(x, y, width - 1 - x, height - 1 - y);
      const off = Math.max(Math.abs(x - (width - 1) / 2), Math.abs(y - (height - 1) / 2));
      const part = inset < BORDER ? 'border' : off < MIDDLE ? 'middle' : undefined;
      if (!part) continue;
      const at = 4 * (y * width + x);
      sums[part] += (data[at] as number) + (data[at + 1] as number) + (data[at + 2] as number);
      counts[part] += 3;
    }
  }
  return sums.border / counts.border > sums.middle / counts.middle;
}
