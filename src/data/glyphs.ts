/**
 * The built-in images: 28×28 grey handwritten-like digits, drawn by code.
 * A digit is a skeleton of strokes; its points are jittered, joined by Catmull–Rom curves, bent, slanted, turned and
 * scaled, and inked by the distance d of a pixel to the nearest stroke of radius r:
 *   byte = 255 · smoothstep((r + e/2 − d) / e),  e the width of the soft edge in pixels
 * Image i of a split has label i mod 10 and depends on (seed, split, i) only, so that a selection never changes it.
 */
import { UserError } from '../gpu/errors.ts';
import { type Dataset, dataset } from './dataset.ts';
import { normalsOfUniforms, threefryStream } from './random.ts';
import type { Split } from './spec.ts';

/** Images in each split, a tenth of them of each digit. */
export const GLYPH_COUNTS: Readonly<Record<Split, number>> = { train: 60_000, test: 10_000 };

const SIZE = 28;
const CLASSES = 10;
/** Second key word: one sequence of images for each split. */
const STREAM: Readonly<Record<Split, number>> = { train: 0x676c7901, test: 0x676c7902 };

export interface GlyphOptions {
  /** Digits to keep. Default all ten. */
  readonly labels?: readonly number[];
  /** Default `train`. */
  readonly split?: Split;
  /** Skip this many, after `labels`. Default 0. */
  readonly offset?: number;
  /** At most this many. Default all: 60 000 of train, 10 000 of test, over ten digits. */
  readonly limit?: number;
  /** Default 0. */
  readonly seed?: number;
}

/**
 * Draws the chosen images: bytes [count, 28, 28, 1] and labels 0 … 9.
 * @throws UserError for a label that is no digit, and where the selection leaves nothing.
 */
export function glyphs({ labels, split = 'train', offset = 0, limit, seed = 0 }: GlyphOptions = {}): Dataset {
  const digits = [...new Set(labels ?? Array.from({ length: CLASSES }, (_, digit) => digit))].sort(
    (a, b) => a - b,
  );
  const bad = digits.find((digit) => !Number.isInteger(digit) || digit < 0 || digit >= CLASSES);
  if (bad !== undefined || digits.length === 0)
    throw new UserError(`glyphs: labels are [${digits.join(', ')}]; give one or more of 0 to ${CLASSES - 1}`);
  const available = (GLYPH_COUNTS[split] / CLASSES) * digits.length;
  const count = Math.min(limit ?? available, available - offset);
  if (count < 1)
    throw new UserError(
      `glyphs: offset ${offset} and limit ${limit ?? 'none'} leave nothing of ${available} images; lower the offset`,
    );
  const data = new Uint8Array(count * SIZE * SIZE);
  const chosen = new Uint8Array(count);
  for (let row = 0; row < count; row++) {
    const rank = offset + row;
    const digit = digits[rank % digits.length] as number;
    const index = Math.floor(rank / digits.length) * CLASSES + digit;
    chosen[row] = digit;
    drawDigit(
      digit,
      threefryStream([seed, STREAM[split]], index),
      data.subarray(row * SIZE * SIZE, (row + 1) * SIZE * SIZE),
    );
  }
  return dataset({ data, shape: [count, SIZE, SIZE, 1], labels: chosen, name: 'glyphs' });
}

/** One way to write a digit, in a box of [0, 1] × [0, 1], y downwards. */
interface Skeleton {
  /** Share of the writers who write it so, relative to the digit's other skeletons. */
  readonly share: number;
  /** Width over height. */
  readonly aspect: number;
  readonly points: readonly (readonly [number, number])[];
  /** Point numbers along each stroke; it is smooth within and has corners at its ends. Closed where first = last. */
  readonly strokes: readonly (readonly number[])[];
}

// prettier-ignore
const SKELETONS: readonly (readonly Skeleton[])[] = [
  [ // 0
    { share: 3, aspect: 0.72,
      points: [[0.55, 0], [0.16, 0.14], [0, 0.52], [0.14, 0.87], [0.5, 1], [0.87, 0.85], [1, 0.48], [0.88, 0.13]],
      strokes: [[0, 1, 2, 3, 4, 5, 6, 7, 0]] },
    { share: 1, aspect: 0.72,
      points: [[0.62, 0.05], [0.2, 0.12], [0, 0.52], [0.14, 0.87], [0.5, 1], [0.87, 0.85], [1, 0.48], [0.84, 0.1], [0.5, 0.02], [0.3, 0.12]],
      strokes: [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]] },
  ],
  [ // 1
    { share: 15, aspect: 0.1, points: [[0.5, 0], [0.5, 0.5], [0.5, 1]], strokes: [[0, 1, 2]] },
    { share: 2, aspect: 0.32, points: [[0, 0.24], [0.75, 0], [0.75, 0.5], [0.75, 1]], strokes: [[0, 1], [1, 2, 3]] },
    { share: 1, aspect: 0.5, points: [[0.08, 0.2], [0.5, 0], [0.5, 0.5], [0.5, 1], [0, 1], [1, 1]],
      strokes: [[0, 1], [1, 2, 3], [4, 3, 5]] },
  ],
  [ // 2
    { share: 3, aspect: 0.75,
      points: [[0.06, 0.24], [0.26, 0.04], [0.62, 0], [0.88, 0.2], [0.76, 0.48], [0.42, 0.76], [0, 1], [0.48, 0.97], [1, 0.99]],
      strokes: [[0, 1, 2, 3, 4, 5, 6], [6, 7, 8]] },
    { share: 2, aspect: 0.82,
      points: [[0.12, 0.2], [0.36, 0.02], [0.68, 0.06], [0.78, 0.3], [0.55, 0.66], [0.2, 0.96], [0.02, 0.9], [0.16, 0.76], [0.5, 0.88], [1, 0.94]],
      strokes: [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]] },
  ],
  [ // 3
    { share: 3, aspect: 0.68,
      points: [[0.06, 0.12], [0.42, 0], [0.84, 0.14], [0.74, 0.37], [0.32, 0.47], [0.82, 0.56], [0.98, 0.78], [0.56, 1], [0, 0.9]],
      strokes: [[0, 1, 2, 3, 4], [4, 5, 6, 7, 8]] },
    { share: 1, aspect: 0.66,
      points: [[0.04, 0.03], [0.46, 0.02], [0.9, 0], [0.38, 0.4], [0.8, 0.5], [0.98, 0.76], [0.56, 1], [0, 0.9]],
      strokes: [[0, 1, 2], [2, 3], [3, 4, 5, 6, 7]] },
  ],
  [ // 4
    { share: 3, aspect: 0.74,
      points: [[0.14, 0], [0.06, 0.3], [0.04, 0.52], [0.45, 0.56], [0.96, 0.5], [0.84, 0.02], [0.8, 0.5], [0.76, 1]],
      strokes: [[0, 1, 2], [2, 3, 4], [5, 6, 7]] },
    { share: 1, aspect: 0.72,
      points: [[0.74, 0], [0.36, 0.36], [0, 0.66], [0.5, 0.66], [1, 0.64], [0.72, 0.5], [0.7, 1]],
      strokes: [[0, 1, 2], [2, 3, 4], [0, 5, 6]] },
  ],
  [ // 5
    { share: 3, aspect: 0.74,
      points: [[1, 0], [0.6, 0.03], [0.26, 0.04], [0.22, 0.22], [0.14, 0.44], [0.52, 0.38], [0.86, 0.6], [0.72, 0.9], [0.34, 1], [0, 0.9]],
      strokes: [[0, 1, 2], [2, 3, 4], [4, 5, 6, 7, 8, 9]] },
    { share: 1, aspect: 0.7,
      points: [[0.96, 0.02], [0.5, 0], [0.26, 0.12], [0.14, 0.4], [0.5, 0.46], [0.86, 0.66], [0.68, 0.93], [0.3, 1], [0, 0.9]],
      strokes: [[0, 1, 2, 3], [3, 4, 5, 6, 7, 8]] },
  ],
  [ // 6
    { share: 3, aspect: 0.64,
      points: [[0.74, 0], [0.34, 0.2], [0.06, 0.56], [0.1, 0.86], [0.46, 1], [0.88, 0.88], [0.92, 0.65], [0.56, 0.53], [0.16, 0.7]],
      strokes: [[0, 1, 2, 3, 4, 5, 6, 7, 8]] },
    { share: 1, aspect: 0.58,
      points: [[0.4, 0], [0.14, 0.3], [0, 0.66], [0.14, 0.93], [0.5, 1], [0.92, 0.88], [0.86, 0.64], [0.46, 0.6], [0.04, 0.78]],
      strokes: [[0, 1, 2, 3, 4, 5, 6, 7, 8]] },
  ],
  [ // 7
    { share: 4, aspect: 0.72, points: [[0, 0.08], [0.46, 0.05], [1, 0], [0.76, 0.34], [0.54, 0.64], [0.4, 1]],
      strokes: [[0, 1, 2], [2, 3, 4, 5]] },
    { share: 2, aspect: 0.74, points: [[0.04, 0.24], [0.08, 0.08], [0.5, 0.07], [0.96, 0.04], [0.88, 0.3], [0.62, 0.62], [0.52, 1]],
      strokes: [[0, 1], [1, 2, 3, 4, 5, 6]] },
    { share: 1, aspect: 0.74, points: [[0, 0.06], [0.46, 0.05], [1, 0], [0.74, 0.36], [0.52, 0.66], [0.4, 1], [0.3, 0.54], [0.94, 0.48]],
      strokes: [[0, 1, 2], [2, 3, 4, 5], [6, 7]] },
  ],
  [ // 8
    { share: 1, aspect: 0.6,
      points: [[0.86, 0.14], [0.5, 0], [0.14, 0.14], [0.2, 0.36], [0.54, 0.5], [0.9, 0.68], [0.84, 0.91], [0.46, 1], [0.08, 0.89], [0.1, 0.68], [0.5, 0.49], [0.8, 0.34]],
      strokes: [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0]] },
  ],
  [ // 9
    { share: 3, aspect: 0.62,
      points: [[0.9, 0.14], [0.5, 0], [0.1, 0.16], [0.06, 0.4], [0.4, 0.5], [0.8, 0.36], [0.88, 0.56], [0.74, 1]],
      strokes: [[0, 1, 2, 3, 4, 5, 0], [0, 6, 7]] },
    { share: 1, aspect: 0.64,
      points: [[0.92, 0.1], [0.52, 0], [0.12, 0.16], [0.08, 0.4], [0.42, 0.5], [0.8, 0.34], [0.96, 0.5], [0.84, 0.84], [0.5, 1], [0.12, 0.94]],
      strokes: [[0, 1, 2, 3, 4, 5, 0], [0, 6, 7, 8, 9]] },
  ],
];

/** Straight pieces per span between two points of a curve. */
const PIECES = 4;

/** A drawn line: points in pixels with the stroke's radius at each; `starts` marks where a stroke begins anew. */
interface Line {
  readonly x: number[];
  readonly y: number[];
  readonly radius: number[];
  readonly starts: Set<number>;
}

/** Draws one digit into `pixels` [28, 28], which are zero. */
function drawDigit(digit: number, uniform: () => number, pixels: Uint8Array): void {
  const normal = (): number => normalsOfUniforms(uniform(), uniform())[0];
  const skeleton = pick(SKELETONS[digit] as readonly Skeleton[], uniform);
  const line = trace(skeleton, normal);
  const edge = 0.9 + 0.5 * uniform();
  shape(line, { digit, aspect: skeleton.aspect, edge }, uniform, normal);
  ink(line, edge, pixels);
}

function pick(skeletons: readonly Skeleton[], uniform: () => number): Skeleton {
  let left = uniform() * skeletons.reduce((sum, { share }) => sum + share, 0);
  const found = skeletons.find(({ share }) => (left -= share) <= 0);
  return found ?? (skeletons[0] as Skeleton);
}

/** The skeleton's curves through its jittered points, in its unit box; radii are relative to the mean one. */
function trace({ aspect, points, strokes }: Skeleton, normal: () => number): Line {
  // In units of the height both ways, so that a narrow digit wavers as much as a wide one.
  const x = points.map(([at]) => at + (0.028 / aspect) * normal());
  const y = points.map(([, at]) => at + 0.03 * normal());
  const line: Line = { x: [], y: [], radius: [], starts: new Set() };
  for (const stroke of strokes) {
    const spans = stroke.length - 1;
    const closed = stroke[0] === stroke[spans];
    const at = (index: number): number => {
      if (closed) return stroke[(index + spans) % spans] as number;
      return stroke[Math.min(Math.max(index, 0), spans)] as number;
    };
    const [fromPressure, toPressure] = [0.12 * normal(), 0.12 * normal()];
    line.starts.add(line.x.length);
    for (let piece = 0; piece <= spans * PIECES; piece++) {
      const span = Math.min(Math.floor(piece / PIECES), spans - 1);
      const t = piece / PIECES - span;
      const [a, b, c, d] = [at(span - 1), at(span), at(span + 1), at(span + 2)];
      line.x.push(catmullRom(x[a] as number, x[b] as number, x[c] as number, x[d] as number, t));
      line.y.push(catmullRom(y[a] as number, y[b] as number, y[c] as number, y[d] as number, t));
      const along = piece / (spans * PIECES);
      line.radius.push(1 + fromPressure * (1 - along) + toPressure * along);
    }
  }
  return line;
}

/** The uniform Catmull–Rom curve between b and c of four values in a row, t from 0 to 1. */
function catmullRom(a: number, b: number, c: number, d: number, t: number): number {
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

/** Bends, stretches, slants and turns the line, scales it into about 20×20 pixels and centres its mass, as MNIST is. */
function shape(
  line: Line,
  { digit, aspect, edge }: { readonly digit: number; readonly aspect: number; readonly edge: number },
  uniform: () => number,
  normal: () => number,
): void {
  const { x, y, radius } = line;
  const width = aspect * Math.exp(0.14 * normal());
  // A digit 1 is one stroke, to which slant is what shape is to the others.
  const slant = digit === 1 ? 0.2 + 0.26 * normal() : 0.12 + 0.18 * normal();
  const turn = 0.07 * normal();
  const bend = { x: 0.035 * normal(), y: 0.025 * normal(), phaseX: 6.3 * uniform(), phaseY: 6.3 * uniform() };
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  for (let i = 0; i < x.length; i++) {
    const [u, v] = [x[i] as number, y[i] as number];
    const across = (u - 0.5) * width + bend.x * Math.sin(4 * v + bend.phaseX) + slant * (0.5 - v);
    const down = v - 0.5 + bend.y * Math.sin(4 * u + bend.phaseY);
    x[i] = cos * across - sin * down;
    y[i] = sin * across + cos * down;
  }
  const [left, right] = [Math.min(...x), Math.max(...x)];
  const [top, bottom] = [Math.min(...y), Math.max(...y)];
  const pen = clamp(1.2 * Math.exp(0.28 * normal()), 0.65, 2.3);
  // Strokes reach half the pen beyond their line: the box of 20 pixels holds the ink.
  const extent = clamp(20 + 0.8 * normal(), 17, 21) - 2 * pen;
  const scale = extent / Math.max(right - left, bottom - top);
  // The outermost pixels stay empty.
  const margin = 0.5 + pen * Math.max(...radius) + edge / 2;
  const middle = (SIZE - 1) / 2;
  const [meanX, meanY] = [mean(x), mean(y)];
  const place = (values: number[], centre: number, low: number, high: number, shift: number): void => {
    const from = clamp(
      middle + shift,
      margin + scale * (centre - low),
      SIZE - 1 - margin - scale * (high - centre),
    );
    for (let i = 0; i < values.length; i++) values[i] = from + scale * ((values[i] as number) - centre);
  };
  place(x, meanX, left, right, 0.5 * normal());
  place(y, meanY, top, bottom, 0.5 * normal());
  for (let i = 0; i < radius.length; i++) radius[i] = pen * (radius[i] as number);
}

/** Inks every pixel by its distance to the nearest piece of the line. */
function ink({ x, y, radius, starts }: Line, edge: number, pixels: Uint8Array): void {
  for (let i = 1; i < x.length; i++) {
    if (starts.has(i)) continue;
    const [x0, y0, r0] = [x[i - 1] as number, y[i - 1] as number, radius[i - 1] as number];
    const [x1, y1, r1] = [x[i] as number, y[i] as number, radius[i] as number];
    const [dx, dy] = [x1 - x0, y1 - y0];
    const inverse = 1 / Math.max(dx * dx + dy * dy, 1e-9);
    const reach = Math.max(r0, r1) + edge / 2;
    const perEdge = 1 / edge;
    const lastX = Math.min(Math.floor(Math.max(x0, x1) + reach), SIZE - 1);
    const lastY = Math.min(Math.floor(Math.max(y0, y1) + reach), SIZE - 1);
    for (let py = Math.max(Math.ceil(Math.min(y0, y1) - reach), 0); py <= lastY; py++) {
      for (let px = Math.max(Math.ceil(Math.min(x0, x1) - reach), 0); px <= lastX; px++) {
        const along = clamp(((px - x0) * dx + (py - y0) * dy) * inverse, 0, 1);
        const ax = px - x0 - along * dx;
        const ay = py - y0 - along * dy;
        const squared = ax * ax + ay * ay;
        if (squared >= reach * reach) continue;
        const depth = (r0 + along * (r1 - r0) - Math.sqrt(squared)) * perEdge + 0.5;
        if (depth <= 0) continue;
        const cover = depth >= 1 ? 1 : depth * depth * (3 - 2 * depth);
        const at = py * SIZE + px;
        const byte = (255 * cover + 0.5) | 0;
        if (byte > (pixels[at] as number)) pixels[at] = byte;
      }
    }
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
