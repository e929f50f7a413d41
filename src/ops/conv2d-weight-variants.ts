/**
 * Which kernel makes the gradient of a convolution's weights on a target, its grid, and how its windows are divided.
 *
 * Software adapters with four lanes run `conv2d_weight_subgroup4`, by tiles of 8 or 16 filters where there are no more, else 32. In
 * mixed precision 32 filters or more run `conv2d_weight_matrix`, or without subgroup matrices `conv2d_weight_tile` on factors
 * rounded to f16; all others run `conv2d_weight_tile` in float32. The result is small and the sum long: the windows are divided
 * into as many parts as make 8 or 512 workgroups, of at least 256 or 64 windows. Where there are 32 parts or more, of few
 * weights then, 16 invocations share an element of their sum.
 *
 * Another may be chosen for a key `conv2d_weight m= n= k= c=`: on four lanes tiles of 16 filters also where there are more, in mixed
 * precision the tiles of either kind.
 */
import { type Target, hasFourLanes, hasMatrices } from '../gpu/target.ts';
import { chosen } from '../graph/candidates.ts';
import type { Candidates } from '../graph/graph.ts';
import { worthHalves } from './conv2d-variants.ts';

/** Weights of a filter, filters, windows that are summed over, and how many neighbouring weights are under one tap. */
export interface Conv2dWeightSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly channels: number;
  /** Whether the column sums of the windows are wanted as well. */
  readonly columnSums?: boolean;
}

interface Divided {
  readonly workgroups: readonly [number, number, number];
  /** How the windows are divided: `each` to a part, the last one may have fewer. */
  readonly splits: number;
  readonly each: number;
  /** Invocations that share an element of the sum of the parts. */
  readonly sumLanes: number;
}

export type Conv2dWeightVariant =
  | ({ readonly kernel: 'conv2d_weight_subgroup4'; readonly filters: number } & Divided)
  | ({ readonly kernel: 'conv2d_weight_tile'; readonly oneTap: boolean; readonly halves: boolean } & Divided)
  | ({ readonly kernel: 'conv2d_weight_matrix' } & Divided);

/** Workgroups that keep an adapter busy, the fewest windows that are worth one and what their number is a multiple of, the weights of a tile. */
const LANES = { groups: 8, fewest: 256, step: 4, tile: 32 };
const TILES = { groups: 512, fewest: 64, step: 8, tile: 64 };

/** The filters of narrow tiles on four lanes. */
const [NARROW, NARROWEST] = [16, 8];
/** Most parts that a gradient is made of, and most memory that they take. */
const MOST_PARTS = 256;
const MOST_PART_FLOATS = 2 ** 22;
/** Parts from which on invocations share an element of their sum, and how many. */
const [MANY_PARTS, SUM_LANES] = [32, 16];

/** The grid over tiles of so many filters, and the parts that it has. */
function divided(
  { m, n, k }: Conv2dWeightSize,
  { groups, fewest, step, tile }: typeof LANES,
  filters: number,
): Divided {
  const tiles = Math.ceil(m / tile) * Math.ceil(n / filters);
  const room = Math.min(MOST_PARTS, Math.floor(MOST_PART_FLOATS / ((m + 1) * n)));
  const wanted = Math.max(1, Math.min(room, Math.ceil(groups / tiles), Math.floor(k / fewest)));
  const each = Math.ceil(k / wanted / step) * step;
  const splits = Math.ceil(k / each);
  return { workgroups: [tiles, splits, 1], splits, each, sumLanes: splits >= MANY_PARTS ? SUM_LANES : 1 };
}

/** Most parts of a gradient on any target. */
export function mostWeightParts(size: Conv2dWeightSize): number {
  const all = [
    divided(size, LANES, LANES.tile),
    divided(size, LANES, NARROW),
    divided(size, TILES, TILES.tile),
  ];
  return Math.max(...all.map(({ splits }) => splits));
}

const onLanes = (size: Conv2dWeightSize, filters: number): Conv2dWeightVariant => ({
  kernel: 'conv2d_weight_subgroup4',
  filters,
  ...divided(size, LANES, filters),
});

function variantsOf(size: Conv2dWeightSize, target: Target): Conv2dWeightVariant[] {
  const { m, n, channels, columnSums } = size;
  if (hasFourLanes(target))
    return (n <= NARROWEST ? [NARROWEST] : n <= NARROW ? [NARROW] : [LANES.tile, NARROW]).map((filters) =>
      onLanes(size, filters),
    );
  const tiles = divided(size, TILES, TILES.tile);
  const tiled = (halves: boolean): Conv2dWeightVariant => ({
    kernel: 'conv2d_weight_tile',
    oneTap: channels % TILES.tile === 0,
    halves,
    ...tiles,
  });
  if (!worthHalves(size, target)) return [tiled(false)];
  if (!hasMatrices(target)) return [tiled(true), tiled(false)];
  const across = Math.ceil((m + Number(columnSums ?? false)) / TILES.tile) * Math.ceil(n / TILES.tile);
  const matrices = {
    kernel: 'conv2d_weight_matrix',
    ...tiles,
    workgroups: [across, tiles.splits, 1],
  } as const;
  return [matrices, tiled(true), tiled(false)];
}

function nameOf(variant: Conv2dWeightVariant): string {
  if (variant.kernel === 'conv2d_weight_subgroup4') return `${variant.kernel} ${variant.filters}`;
  return variant.kernel === 'conv2d_weight_tile' && variant.halves ? `${variant.kernel} f16` : variant.kernel;
}

/** The kernels that can make a gradient on a target, by name: the default first. */
export function conv2dWeightCandidates(
  size: Conv2dWeightSize,
  target: Target,
): Candidates<Conv2dWeightVariant> {
  const { m, n, k, channels } = size;
  return {
    key: `conv2d_weight m=${m} n=${n} k=${k} c=${channels}`,
    variants: new Map(variantsOf(size, target).map((variant) => [nameOf(variant), variant])),
  };
}

/** What runs: what the target has on record for the gradient, else the default. */
export function conv2dWeightVariant(size: Conv2dWeightSize, target: Target): Conv2dWeightVariant {
  return chosen(conv2dWeightCandidates(size, target), target);
}
