/**
 * Images in grey and in another size, 8-bit in and out: [count, height, width, channels] → [count, size, size, channels or 1].
 *   gray   luma of ITU-R BT.601: Y = 0.299 R + 0.587 G + 0.114 B
 *   size   area averaging: a pixel of the result is the mean of the original over the rectangle that it covers,
 *          which suppresses aliasing and is the plain mean of k × k pixels where the ratio is a whole number k
 * Both are sums of whole numbers (luma in thousandths, overlaps in units of 1/(in · out) of a side), exact in float64, and
 * are divided and rounded to a byte once, halves up.
 */
import { UserError } from '../gpu/errors.ts';
import { type Dataset, sampleSize } from './dataset.ts';

export interface ImageConversion {
  /** One channel of luma. Images of one channel stay as they are. */
  readonly gray?: boolean;
  /** Height and width of the result, one number where they are the same; images of another form are stretched. Default: as they are. */
  readonly size?: number | readonly [height: number, width: number];
}

/** Luma weights of red, green and blue, in thousandths. */
const LUMA = [299, 587, 114] as const;
const THOUSAND = 1000;

/** The pixels of one side that a pixel of the result covers: `weights[i]` of pixel `first + i`, which add up to the side. */
interface Cover {
  readonly first: number;
  readonly weights: readonly number[];
}

/**
 * The images of a data set in grey, in another size, or both. What needs no change is returned as it is.
 * @throws UserError for samples that are not 8-bit images of 1 or 3 channels, and a size that is no whole number of 1 or more.
 */
export function convertImages(set: Dataset, { gray = false, size }: ImageConversion): Dataset {
  const { pixels, shape } = set;
  const [height = 0, width = 0, channels = 0] = shape;
  if (pixels.kind !== 'bytes' || shape.length !== 3 || (channels !== 1 && channels !== 3))
    throw new UserError(
      `${set.name}: samples are ${pixels.kind} of shape [${shape.join(', ')}]; gray and size are for 8-bit images, [height, width, 1 or 3]`,
    );
  const [newHeight, newWidth] = typeof size === 'number' ? [size, size] : (size ?? [height, width]);
  for (const side of [newHeight, newWidth]) {
    if (!Number.isInteger(side) || side < 1)
      throw new UserError(`${set.name}: size is ${side}; must be a whole number of 1 or more`);
  }
  const toLuma = gray && channels === 3;
  if (!toLuma && newHeight === height && newWidth === width) return set;

  const newChannels = toLuma ? 1 : channels;
  const data = bytesFor(set, [newHeight, newWidth, newChannels]);
  const down = covers(height, newHeight);
  const across = covers(width, newWidth);
  const scale = height * width * (toLuma ? THOUSAND : 1);
  const [inRow, outRow] = [width * newChannels, newWidth * newChannels];
  const whole = new Float64Array(height * inRow);
  const flattened = new Float64Array(newHeight * inRow);
  const row = new Float64Array(outRow);
  const [inSize, outSize] = [sampleSize(shape), newHeight * outRow];
  for (let image = 0; image < set.count; image++) {
    const from = pixels.data.subarray(image * inSize, (image + 1) * inSize);
    if (toLuma) lumaInto(whole, from);
    else whole.set(from);
    sumInto(flattened, whole, down, inRow);
    for (let y = 0; y < newHeight; y++) {
      sumInto(row, flattened.subarray(y * inRow, (y + 1) * inRow), across, newChannels);
      const to = image * outSize + y * outRow;
      for (let i = 0; i < outRow; i++) data[to + i] = Math.floor((row[i] as number) / scale + 0.5);
    }
  }
  return { ...set, shape: [newHeight, newWidth, newChannels], pixels: { ...pixels, data } };
}

/** Room for a set's images of another shape. @throws UserError where there is not so much. */
function bytesFor({ name, count }: Dataset, shape: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = count * sampleSize(shape);
  try {
    return new Uint8Array(bytes);
  } catch (error) {
    throw new UserError(
      `${name}: ${count} images of [${shape.join(', ')}] take ${bytes} bytes, more than can be held; take a smaller size, or fewer images with limit`,
      { cause: error },
    );
  }
}

/** Pixel o of the result covers [o·in, (o + 1)·in) of a side on which pixel i of the original covers [i·out, (i + 1)·out). */
function covers(inSide: number, outSide: number): Cover[] {
  return Array.from({ length: outSide }, (_, o) => {
    const [start, end] = [o * inSide, (o + 1) * inSide];
    const first = Math.floor(start / outSide);
    const last = Math.ceil(end / outSide) - 1;
    const weights = Array.from({ length: last - first + 1 }, (__, k) => {
      const i = first + k;
      return Math.min(end, (i + 1) * outSide) - Math.max(start, i * outSide);
    });
    return { first, weights };
  });
}

/** out[o, j] = Σ_i weight_i · source[first + i, j], for rows of `inner` values. */
function sumInto(out: Float64Array, source: Float64Array, along: readonly Cover[], inner: number): void {
  out.fill(0);
  along.forEach(({ first, weights }, o) => {
    for (let i = 0; i < weights.length; i++) {
      const weight = weights[i] as number;
      const from = (first + i) * inner;
      for (let j = 0; j < inner; j++)
        out[o * inner + j] = (out[o * inner + j] as number) + weight * (source[from + j] as number);
    }
  });
}

/** Luma in thousandths of RGB bytes. */
function lumaInto(out: Float64Array, rgb: Uint8Array): void {
  for (let i = 0; i < out.length; i++)
    out[i] =
      LUMA[0] * (rgb[3 * i] as number) +
      LUMA[1] * (rgb[3 * i + 1] as number) +
      LUMA[2] * (rgb[3 * i + 2] as number);
}
