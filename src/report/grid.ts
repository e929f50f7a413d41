/** A grid of images in one picture: image k stands in row ⌊k / columns⌋ and column k mod columns. */
import { sampleSize } from '../data/dataset.ts';
import { UserError } from '../gpu/errors.ts';

/** A picture of RGBA bytes, [height, width, 4] row-major. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array<ArrayBuffer>;
}

export interface Images {
  /** Bytes from 0 to 255, or floats from 0 to 1 (those outside are clamped), [count, height, width, channels]. */
  readonly data: Float32Array | Uint8Array;
  /** [count, height, width, channels], 1 channel (grey) or 3 (RGB). */
  readonly shape: readonly number[];
}

export interface GridOptions {
  /** Images side by side. Default: as near to a square as can be. */
  readonly columns?: number;
  /** Pixels of the picture around and between images. Default 2. */
  readonly padding?: number;
  /** Width in picture pixels of one image pixel. Default 1. */
  readonly zoom?: number;
}

/** Brightness of the padding: visible beside black and beside white images. */
const PADDING_GREY = 96;

/**
 * Lays images out in a grid, filling rows from the left; cells left over are padding.
 * @throws UserError where the shape is not that of images or does not fit the data.
 */
export function imageGrid({ data, shape }: Images, options: GridOptions = {}): Picture {
  const [count = 0, height = 0, width = 0, channels = 0] = shape;
  if (shape.length !== 4 || shape.some((size) => !(size >= 1)) || (channels !== 1 && channels !== 3))
    throw new UserError(
      `imageGrid: shape is [${shape.join(', ')}]; must be [count, height, width, channels] with 1 or 3 channels`,
    );
  if (data.length !== sampleSize(shape))
    throw new UserError(
      `imageGrid: data holds ${data.length} values, shape [${shape.join(', ')}] takes ${sampleSize(shape)}; give both the same count`,
    );
  const columns = wholeNumber('columns', options.columns ?? Math.ceil(Math.sqrt(count)), 1);
  const padding = wholeNumber('padding', options.padding ?? 2, 0);
  const zoom = wholeNumber('zoom', options.zoom ?? 1, 1);
  const gridRows = Math.ceil(count / columns);
  const [cellWidth, cellHeight] = [width * zoom + padding, height * zoom + padding];
  const picture = { width: columns * cellWidth + padding, height: gridRows * cellHeight + padding };
  const out = new Uint8Array(picture.width * picture.height * 4);
  for (let at = 0; at < out.length; at += 4) out.set([PADDING_GREY, PADDING_GREY, PADDING_GREY, 255], at);
  const brightness = data instanceof Uint8Array ? 1 : 255;
  for (let image = 0; image < count; image++) {
    const left = padding + (image % columns) * cellWidth;
    const top = padding + Math.floor(image / columns) * cellHeight;
    for (let y = 0; y < height * zoom; y++) {
      for (let x = 0; x < width * zoom; x++) {
        const from = ((image * height + Math.floor(y / zoom)) * width + Math.floor(x / zoom)) * channels;
        const to = ((top + y) * picture.width + left + x) * 4;
        for (let colour = 0; colour < 3; colour++) {
          const value = (data[from + (channels === 3 ? colour : 0)] as number) * brightness;
          out[to + colour] = Math.round(Math.min(Math.max(value, 0), 255));
        }
      }
    }
  }
  return { ...picture, data: out };
}

function wholeNumber(name: string, value: number, least: number): number {
  if (!Number.isInteger(value) || value < least)
    throw new UserError(`imageGrid: ${name} is ${value}; must be a whole number of ${least} or more`);
  return value;
}
