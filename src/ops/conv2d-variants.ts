/**
 * Which convolution kernel runs on a target, its grid, and how its sums are divided.
 *
 * Software adapters with four lanes run `conv2d_subgroup4`. Elsewhere windows of up to 16 outputs, under which there are at
 * least 16 channels, run `conv2d_narrow`, which has no tile to leave empty; all others `conv2d_tile`. Its tiles have 64 windows
 * and 64 outputs, or 128, which load a quarter less, where they waste no more and there are at least 512 of them. An invocation
 * has 64 results, so that a workgroup of 64 × 64 is as little as two subgroups: a GPU wants several on each of its processors.
 * In mixed precision, windows of 32 outputs or more run `conv2d_matrix`, by tiles of 64 × 64.
 * Where there are fewer than 512 tiles, the sums are divided into as many parts as make 512 workgroups, of at least 128 values.
 */
import { type Target, hasFourLanes, hasMatrices } from '../gpu/target.ts';
import { tileGroups } from './grid.ts';

/** Windows, outputs of each, and values under each, of which `channels` neighbours are under one tap. */
export interface Conv2dSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly channels: number;
}

type Grid = readonly [number, number, number];

export type Conv2dVariant =
  | { readonly kernel: 'conv2d_subgroup4'; readonly outputs: number; readonly workgroups: Grid }
  | { readonly kernel: 'conv2d_narrow' | 'conv2d_matrix'; readonly workgroups: Grid }
  | ({
      readonly kernel: 'conv2d_tile';
      readonly outputs: number;
      readonly wholeSteps: boolean;
      readonly workgroups: Grid;
    } & Conv2dParts);

/** How the values under a window are divided: `each` to a part, the last one may have fewer. */
export interface Conv2dParts {
  readonly splits: number;
  readonly each: number;
}

/** Workgroups that keep a GPU busy. */
const ENOUGH_GROUPS = 512;
/** Fewest values that are worth a part, and what their number is a multiple of: those in workgroup memory at a time. */
const [FEWEST_EACH, STEP] = [128, 8];
/** The sides of a tile. */
const [TILE, WIDE_TILE] = [64, 128];
/** Most outputs of a narrow window, and the invocations that share its channels. */
const [MOST_NARROW, NARROW_LANES] = [16, 16];

/** Fewest outputs, or filters, that are worth a tile of subgroup matrices in mixed precision. */
export const FEWEST_MATRIX = 32;

const tilesOf = ({ m, n }: Conv2dSize, outputs: number): number =>
  Math.ceil(m / TILE) * Math.ceil(n / outputs);

const isNarrow = ({ n, channels }: Conv2dSize): boolean => n <= MOST_NARROW && channels >= NARROW_LANES;

/** The parts of a convolution on a GPU. */
export function conv2dParts(size: Conv2dSize): Conv2dParts {
  if (isNarrow(size)) return { splits: 1, each: size.k };
  const wanted = Math.ceil(ENOUGH_GROUPS / tilesOf(size, TILE));
  const splits = Math.max(1, Math.min(wanted, Math.floor(size.k / FEWEST_EACH)));
  const each = Math.ceil(size.k / splits / STEP) * STEP;
  return { splits: Math.ceil(size.k / each), each };
}

export function conv2dVariant(size: Conv2dSize, target: Target): Conv2dVariant {
  const { m, n, channels } = size;
  if (hasFourLanes(target)) {
    const outputs = n <= 4 ? 4 : n <= 16 ? 16 : 32;
    const workgroups = tileGroups(Math.ceil(m / 32) * Math.ceil(n / outputs));
    return { kernel: 'conv2d_subgroup4', outputs, workgroups };
  }
  if (hasMatrices(target) && n >= FEWEST_MATRIX)
    return { kernel: 'conv2d_matrix', workgroups: tileGroups(tilesOf(size, TILE)) };
  if (isNarrow(size))
    return { kernel: 'conv2d_narrow', workgroups: tileGroups(Math.ceil(m / 32) * Math.ceil(n / 4)) };
  const wide = tilesOf(size, WIDE_TILE);
  const outputs = wide >= ENOUGH_GROUPS && 2 * wide === tilesOf(size, TILE) ? WIDE_TILE : TILE;
  const parts = conv2dParts(size);
  const [across, down] = tileGroups(tilesOf(size, outputs));
  return {
    kernel: 'conv2d_tile',
    outputs,
    wholeSteps: channels % STEP === 0,
    ...parts,
    workgroups: [across, down, parts.splits],
  };
}
