/**
 * Which convolution kernel runs on a target, its grid, and how its sums are divided.
 *
 * Software adapters with four lanes run `conv2d_subgroup4`. Elsewhere windows of up to 16 outputs, under which there are at
 * least 16 channels, run `conv2d_narrow`, which has no tile to leave empty; all others `conv2d_tile`. Its tiles have 64 windows
 * and 64 outputs, or 128, which load a quarter less, where they waste no more and there are at least 512 of them. An invocation
 * has 64 results, so that a workgroup of 64 × 64 is as little as two subgroups: a GPU wants several on each of its processors.
 * In mixed precision, windows of 32 outputs or more run `conv2d_matrix`, by tiles of 64 × 64; without subgroup matrices they run
 * `conv2d_tile`, which rounds the factors to f16 on their way into workgroup memory.
 * Where there are fewer than 512 tiles, the sums are divided into as many parts as make 512 workgroups, of at least 128 values.
 *
 * Another may be chosen for a key `conv2d m= n= k= c=`: on four lanes tiles of fewer outputs; on GPUs tiles of either width, in
 * those parts or in one, in mixed precision of either kind, also where `conv2d_narrow` or `conv2d_matrix` is the default.
 */
import { type Target, hasFourLanes, hasHalves, hasMatrices } from '../gpu/target.ts';
import { chosen } from '../graph/candidates.ts';
import type { Candidates } from '../graph/graph.ts';
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
      /** Whether the factors are rounded to f16. */
      readonly halves: boolean;
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
/** The outputs that a tile on four lanes may have, and most of its tiles side by side that are tried. */
const [LANE_TILES, MOST_LANE_TILES] = [[32, 16, 8, 4], 8];
/** Most parts that are tried as a single one. */
const MOST_JOINED = 16;
/** Most outputs of a narrow window, and the invocations that share its channels. */
const [MOST_NARROW, NARROW_LANES] = [16, 16];

/** Fewest outputs, or filters, whose factors are rounded in mixed precision. */
const FEWEST_HALVES = 32;

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

const onLanes = ({ m, n }: Conv2dSize, outputs: number): Conv2dVariant => ({
  kernel: 'conv2d_subgroup4',
  outputs,
  workgroups: tileGroups(Math.ceil(m / 32) * Math.ceil(n / outputs)),
});

const narrow = ({ m, n }: Conv2dSize): Conv2dVariant => ({
  kernel: 'conv2d_narrow',
  workgroups: tileGroups(Math.ceil(m / 32) * Math.ceil(n / 4)),
});

function tiled(size: Conv2dSize, outputs: number, parts: Conv2dParts, halves: boolean): Conv2dVariant {
  const [across, down] = tileGroups(tilesOf(size, outputs));
  return {
    kernel: 'conv2d_tile',
    outputs,
    wholeSteps: size.channels % STEP === 0,
    halves,
    ...parts,
    workgroups: [across, down, parts.splits],
  };
}

const laneTile = ({ n }: Conv2dSize): number => (n <= 4 ? 4 : n <= 8 ? 8 : n <= 16 ? 16 : 32);

/** Whether a convolution, or its gradient, of so many outputs or filters is worth rounding. */
export const worthHalves = ({ n }: { readonly n: number }, target: Target): boolean =>
  hasHalves(target) && n >= FEWEST_HALVES;

/** What runs where nothing else is chosen. */
function preferred(size: Conv2dSize, target: Target): Conv2dVariant {
  if (hasFourLanes(target)) return onLanes(size, laneTile(size));
  const halves = worthHalves(size, target);
  if (halves && hasMatrices(target))
    return { kernel: 'conv2d_matrix', workgroups: tileGroups(tilesOf(size, TILE)) };
  if (isNarrow(size)) return narrow(size);
  const wide = tilesOf(size, WIDE_TILE);
  const outputs = wide >= ENOUGH_GROUPS && 2 * wide === tilesOf(size, TILE) ? WIDE_TILE : TILE;
  return tiled(size, outputs, conv2dParts(size), halves);
}

/** What else can run. None needs more room for parts than the node has. */
function alternatives(size: Conv2dSize, target: Target): Conv2dVariant[] {
  const { n, k } = size;
  if (hasFourLanes(target))
    return LANE_TILES.filter(
      (outputs) => outputs < laneTile(size) && Math.ceil(n / outputs) <= MOST_LANE_TILES,
    ).map((outputs) => onLanes(size, outputs));
  if (target.adapter === 'software') return [];
  const parts = conv2dParts(size);
  const joined = parts.splits <= MOST_JOINED ? [{ splits: 1, each: Math.ceil(k / STEP) * STEP }] : [];
  return (worthHalves(size, target) ? [true, false] : [false]).flatMap((halves) =>
    (n > TILE ? [TILE, WIDE_TILE] : [TILE]).flatMap((outputs) =>
      [parts, ...joined].map((each) => tiled(size, outputs, each, halves)),
    ),
  );
}

function nameOf(variant: Conv2dVariant): string {
  if (variant.kernel === 'conv2d_subgroup4') return `conv2d_subgroup4 ${variant.outputs}`;
  return variant.kernel === 'conv2d_tile'
    ? `conv2d_tile ${variant.outputs} x${variant.splits}${variant.halves ? ' f16' : ''}`
    : variant.kernel;
}

/** The kernels that can run a convolution on a target, by name: the default first. */
export function conv2dCandidates(size: Conv2dSize, target: Target): Candidates<Conv2dVariant> {
  const { m, n, k, channels } = size;
  const variants = [preferred(size, target), ...alternatives(size, target)];
  return {
    key: `conv2d m=${m} n=${n} k=${k} c=${channels}`,
    variants: new Map(variants.map((variant) => [nameOf(variant), variant])),
  };
}

/** What runs: what the target has on record for the convolution, else the default. */
export function conv2dVariant(size: Conv2dSize, target: Target): Conv2dVariant {
  return chosen(conv2dCandidates(size, target), target);
}
