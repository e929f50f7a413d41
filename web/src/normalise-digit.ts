/**
 * A drawing as MNIST has its digits (LeCun et al. 1998): the box around the ink is scaled, its form kept, until its longer side
 * is 20 pixels, and the ink's centre of mass comes to the middle of 28 × 28 pixels. A model that was trained on such digits would
 * else tell where and how large one drew, not what. A pixel of the result is the mean of the drawing over the square that it
 * covers; where the centre of mass lies so far off that ink would be cut away, the digit is moved back until all of it is there.
 */

/** Ink from 0 to 255, row by row. */
export interface Ink {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export const DIGIT_SIZE = 28;
const BOX = 20;

/** 28 × 28 bytes of ink; undefined where there is none. */
export function normaliseDigit(ink: Ink): Uint8Array<ArrayBuffer> | undefined {
  const found = measure(ink);
  if (!found) return undefined;
  const { box, centre } = found;
  const scale = Math.max(box.right - box.left, box.bottom - box.top) / BOX; // pixels of the drawing in one of the result
  const left = start(centre.x, box.left, box.right, scale);
  const top = start(centre.y, box.top, box.bottom, scale);
  const digit = new Uint8Array(DIGIT_SIZE * DIGIT_SIZE);
  for (let row = 0; row < DIGIT_SIZE; row++) {
    for (let column = 0; column < DIGIT_SIZE; column++)
      digit[row * DIGIT_SIZE + column] = Math.round(
        meanOver(ink, left + column * scale, top + row * scale, scale),
      );
  }
  return digit;
}

/** The box around the ink, its right and bottom edges excluded, and the ink's centre of mass. */
function measure({ width, height, data }: Ink) {
  const box = { left: width, top: height, right: 0, bottom: 0 };
  let [mass, momentX, momentY] = [0, 0, 0];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = data[y * width + x] as number;
      if (value === 0) continue;
      box.left = Math.min(box.left, x);
      box.right = Math.max(box.right, x + 1);
      box.top = Math.min(box.top, y);
      box.bottom = y + 1;
      mass += value;
      momentX += value * (x + 0.5);
      momentY += value * (y + 0.5);
    }
  }
  return mass === 0 ? undefined : { box, centre: { x: momentX / mass, y: momentY / mass } };
}

/** Where in the drawing the result begins, along one side: the centre in its middle, and all of low … high within it. */
function start(centre: number, low: number, high: number, scale: number): number {
  const side = DIGIT_SIZE * scale;
  return Math.min(Math.max(centre - side / 2, high - side), low);
}

/** The mean of the ink over a square; outside of the drawing there is none. */
function meanOver({ width, height, data }: Ink, left: number, top: number, side: number): number {
  let sum = 0;
  for (let y = Math.max(Math.floor(top), 0); y < Math.min(top + side, height); y++) {
    const tall = Math.min(y + 1, top + side) - Math.max(y, top);
    for (let x = Math.max(Math.floor(left), 0); x < Math.min(left + side, width); x++) {
      const wide = Math.min(x + 1, left + side) - Math.max(x, left);
      sum += tall * wide * (data[y * width + x] as number);
    }
  }
  return sum / (side * side);
}
