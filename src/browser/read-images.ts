/**
 * Pictures of a page as a data set: drawn on a canvas, brought to the model's height and width by area averaging and, for
 * models of one channel, to grey (data/image-conversion.ts): opaque PNG files without a colour profile give the same bytes in every browser.
 * Where the form differs the picture is centred and the rest is `background`: nothing is stretched or cut off.
 */
import { type Dataset, dataset } from '../data/dataset.ts';
import { convertImages } from '../data/image-conversion.ts';
import { UserError } from '../gpu/errors.ts';

/** A picture that a page or a worker has; a Blob or File is decoded by the browser (PNG, JPEG, WebP, …). */
export type ImageSource =
  Blob | HTMLImageElement | HTMLCanvasElement | OffscreenCanvas | ImageBitmap | ImageData;

export interface ReadImagesOptions {
  /** [height, width, channels] of the result, 1 or 3 channels: the model's `configuration.settings.model.sample`. */
  readonly shape: readonly number[];
  /** Dark ink on light paper becomes light ink on dark, as digits are trained on. Default false. */
  readonly invert?: boolean;
  /** Byte behind what is transparent, and beside what has another form; before `invert`. Default 0, black. */
  readonly background?: number;
  /** Default `images`. */
  readonly name?: string;
}

/** Height and width of a picture at most: what is larger would hold the page up. */
const MOST_PIXELS_A_SIDE = 4096;

/**
 * Reads pictures into one data set of 8-bit images, in order, [count, ...shape].
 * @throws UserError for a shape that is no image, and for pictures that cannot be decoded, are empty, larger than 4096 pixels a
 *   side, or come from a site that does not allow them to be read.
 */
export async function readImages(
  sources: readonly ImageSource[],
  { shape, invert = false, background = 0, name = 'images' }: ReadImagesOptions,
): Promise<Dataset> {
  const [height = 0, width = 0, channels = 0] = shape;
  const whole = shape.every((size) => Number.isInteger(size) && size >= 1);
  if (shape.length !== 3 || !whole || (channels !== 1 && channels !== 3))
    throw new UserError(
      `${name}: pictures are read as [height, width, 1 or 3], the model takes [${shape.join(', ')}]; give it arrays`,
    );
  if (!Number.isInteger(background) || background < 0 || background > 255)
    throw new UserError(`${name}: background is ${background}; must be a whole number from 0 to 255`);
  if (sources.length === 0) throw new UserError(`${name}: no picture was given; give one or more`);
  const size = height * width * channels;
  const data = new Uint8Array(sources.length * size);
  for (const [index, source] of sources.entries()) {
    const where =
      source instanceof Blob && 'name' in source ? String(source.name) : `${name}, picture ${index}`;
    const picture = await pixelsOf(source, where);
    const framed = padded(picture, { height, width, background, invert }, where);
    const { pixels } = convertImages(dataset({ ...framed, name: where }), {
      gray: channels === 1,
      size: [height, width],
    });
    data.set(pixels.data, index * size);
  }
  return dataset({ data, shape: [sources.length, height, width, channels], name });
}

/** RGBA bytes of a picture at its own size. */
async function pixelsOf(source: ImageSource, where: string): Promise<ImageData> {
  if (source instanceof ImageData) {
    checkSize(source, where);
    return source;
  }
  if (source instanceof Blob) {
    const bitmap = await decoded(source, where);
    try {
      return drawn(bitmap, bitmap, where);
    } finally {
      bitmap.close();
    }
  }
  if (typeof HTMLImageElement !== 'undefined' && source instanceof HTMLImageElement) {
    await source.decode().catch((cause: unknown) => {
      throw new UserError(`${where}: ${source.src} cannot be decoded; check the address and the file`, {
        cause,
      });
    });
    return drawn(source, { width: source.naturalWidth, height: source.naturalHeight }, where);
  }
  return drawn(source, source, where);
}

/** The picture in a file; its colour profile is not applied. */
async function decoded(file: Blob, where: string): Promise<ImageBitmap> {
  try {
    return await createImageBitmap(file, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  } catch (cause) {
    throw new UserError(
      `${where}: is no picture that this browser can decode (${file.size} bytes${file.type && `, ${file.type}`}); give a PNG, JPEG or WebP file`,
      { cause },
    );
  }
}

function drawn(
  source: CanvasImageSource,
  size: { readonly width: number; readonly height: number },
  where: string,
): ImageData {
  checkSize(size, where);
  const context = new OffscreenCanvas(size.width, size.height).getContext('2d', {
    willReadFrequently: true,
  });
  if (!context) throw new UserError(`${where}: the browser gives no canvas to read it; close other pages`);
  context.drawImage(source, 0, 0);
  try {
    return context.getImageData(0, 0, size.width, size.height);
  } catch (cause) {
    throw new UserError(
      `${where}: comes from another site, which does not allow it to be read; serve it from your own, or with CORS headers and crossorigin`,
      { cause },
    );
  }
}

function checkSize(
  { width, height }: { readonly width: number; readonly height: number },
  where: string,
): void {
  if (width < 1 || height < 1) throw new UserError(`${where}: is empty, ${width} × ${height} pixels`);
  if (Math.max(width, height) > MOST_PIXELS_A_SIDE)
    throw new UserError(
      `${where}: is ${width} × ${height} pixels; at most ${MOST_PIXELS_A_SIDE} a side are read, scale it down`,
    );
}

/** The picture over its background, in the form of the result: [1, rows, columns, 3]. */
function padded(
  { width, height, data }: ImageData,
  to: { height: number; width: number; background: number; invert: boolean },
  where: string,
): { data: Uint8Array<ArrayBuffer>; shape: readonly number[] } {
  const { background, invert } = to;
  const rows = Math.max(height, Math.round((width * to.height) / to.width));
  const columns = Math.max(width, Math.round((height * to.width) / to.height));
  if (rows * columns > MOST_PIXELS_A_SIDE ** 2)
    throw new UserError(
      `${where}: ${width} × ${height} pixels in the form ${to.width} : ${to.height} take ${columns} × ${rows}; crop it to that form`,
    );
  const out = new Uint8Array(rows * columns * 3).fill(invert ? 255 - background : background);
  const top = Math.floor((rows - height) / 2);
  const left = Math.floor((columns - width) / 2);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = 4 * (y * width + x);
      const at = 3 * ((y + top) * columns + x + left);
      const alpha = data[from + 3] as number;
      for (let c = 0; c < 3; c++) {
        const byte = Math.round(((data[from + c] as number) * alpha + background * (255 - alpha)) / 255);
        out[at + c] = invert ? 255 - byte : byte;
      }
    }
  }
  return { data: out, shape: [1, rows, columns, 3] };
}
