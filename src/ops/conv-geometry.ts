/**
 * Where the windows of a convolution lie. The image side is [batch, height, width, channels], the window side
 * [batch, rows, columns, filters]; window (r, c) covers image rows r·stride − padTop … + kernel − 1, and so for columns.
 * A transposed convolution goes from the window side to the image side of the same geometry.
 */

export interface ConvGeometry {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly rows: number;
  readonly columns: number;
  readonly filters: number;
  /** Side of the square window. */
  readonly kernel: number;
  readonly stride: number;
  readonly padTop: number;
  readonly padLeft: number;
}

/** What `SAME` padding leaves of one side, and the padding before it (TensorFlow's rule: the odd one goes behind). */
function same(size: number, kernel: number, stride: number): { windows: number; before: number } {
  const windows = Math.ceil(size / stride);
  const padding = Math.max(0, (windows - 1) * stride + kernel - size);
  return { windows, before: Math.floor(padding / 2) };
}

/** The geometry of a convolution of [height, width, channels] with `SAME` padding: ⌈height/stride⌉ × ⌈width/stride⌉ windows. */
export function sameGeometry(
  image: { readonly height: number; readonly width: number; readonly channels: number },
  window: { readonly kernel: number; readonly stride: number; readonly filters: number },
): ConvGeometry {
  const vertical = same(image.height, window.kernel, window.stride);
  const horizontal = same(image.width, window.kernel, window.stride);
  return {
    ...image,
    ...window,
    rows: vertical.windows,
    columns: horizontal.windows,
    padTop: vertical.before,
    padLeft: horizontal.before,
  };
}

/**
 * A transposed convolution as a plain one: each block of stride × stride image pixels, `blockChannels` values, depends on
 * a neighbourhood of windows, `taps` on a side, of which the first is `pad` before the block.
 */
export function blocksOf({ kernel, stride, padTop, padLeft, height, width, channels }: ConvGeometry) {
  const side = (pad: number): { first: number; last: number } => ({
    first: Math.ceil((1 - stride - pad) / stride),
    last: Math.floor((kernel - 1 - pad) / stride),
  });
  const vertical = side(padTop);
  const horizontal = side(padLeft);
  return {
    rows: Math.ceil(height / stride),
    columns: Math.ceil(width / stride),
    blockChannels: stride * stride * channels,
    tapRows: vertical.last - vertical.first + 1,
    tapColumns: horizontal.last - horizontal.first + 1,
    padTop: vertical.last,
    padLeft: horizontal.last,
  };
}
