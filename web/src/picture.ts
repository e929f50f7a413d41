/** Images of a model's form, as pictures for canvases. */

/** RGBA bytes. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray<ArrayBuffer>;
}

/**
 * Values of one sample, 0 black and 1 white, as a picture; of other models than of images one row of grey.
 * @param shape [height, width, 1 or 3], or anything else.
 */
export function pictureOf(values: ArrayLike<number>, shape: readonly number[]): Picture {
  const [height = 1, width = 1, channels = 1] = isImage(shape) ? shape : [1, values.length, 1];
  const data = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++)
      data[4 * i + c] = 255 * (values[channels * i + Math.min(c, channels - 1)] as number);
    data[4 * i + 3] = 255;
  }
  return { width, height, data };
}

function isImage(shape: readonly number[]): boolean {
  return shape.length === 3 && (shape[2] === 1 || shape[2] === 3);
}

/** A canvas of the picture's own size. */
export function canvasOf(picture: Picture): OffscreenCanvas {
  const canvas = new OffscreenCanvas(picture.width, picture.height);
  canvas.getContext('2d')?.putImageData(imageData(picture), 0, 0);
  return canvas;
}

/** Draws one picture, the canvas brought to its size. */
export function drawPicture(canvas: HTMLCanvasElement, picture: Picture): void {
  drawTiles(canvas, [picture], 1, 0);
}

/** Draws pictures of one size row by row, `gap` pixels of theirs apart. */
export function drawTiles(
  canvas: HTMLCanvasElement,
  pictures: readonly Picture[],
  columns: number,
  gap = 2,
): void {
  const [first] = pictures;
  if (!first) return;
  const { width, height } = first;
  canvas.width = columns * (width + gap) - gap;
  canvas.height = Math.ceil(pictures.length / columns) * (height + gap) - gap;
  const context = canvas.getContext('2d');
  pictures.forEach((picture, i) =>
    context?.putImageData(
      imageData(picture),
      (i % columns) * (width + gap),
      Math.floor(i / columns) * (height + gap),
    ),
  );
}

function imageData({ data, width, height }: Picture): ImageData {
  return new ImageData(data, width, height);
}
