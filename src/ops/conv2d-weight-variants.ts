/**
 * Which kernel makes the gradient of a convolution's weights on a target, its grid, and how its windows are divided.
 *
 * Software adapters with four lanes run `conv2d_weight_subgroup4`, by tiles of 16 filters where there are no more, else 32. In
 * mixed precision 32 filters or more run `conv2d_weight_matrix`, all others `conv2d_weight_tile`. The result is small and the
 * sum long: the windows are divided into as many parts as make 8 or 512 workgroups, of at least 256 or 64 windows.
 *
 * Another may be chosen for a key `conv2d_weight m= n= k= c=`: on four lanes tiles of 16 filters also where there are more, in mixed
 * precision the float32 tiles.
 */
import { type Target, hasFourLanes, hasMatrices } from '../gpu/target.ts';
import { chosen } from '../graph/candidates.ts';
import type { Candidates } from '../graph/graph.ts';
import { FEWEST_MATRIX } from './conv2d-variants.ts';

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
}

export type Conv2dWeightVariant =
  | ({ readonly kernel: 'conv2d_weight_subgroup4'; readonly filters: number } & Divided)
  | ({ readonly kernel: 'conv2d_weight_tile' | 'conv2d_weight_matrix' } & Divided);

/** Workgroups that keep an adapter busy, the fewest windows that are worth one, and the weights of a tile. */
const LANES = { groups: 8, fewest: 256, tile: 32 };
const TILES = { groups: 512, fewest: 64, tile: 64 };

/** Most parts that a gradient is made of, and most memory that they take. */
const MOST_PARTS = 64;
const MOST_PART_FLOATS = 2 ** 22;

/** Most parts of a gradient of [m, n] and its column sums. */
export function mostWeightParts({ m, n }: Pick<Conv2dWeightSize, 'm' | 'n'>): number {
  return Math.max(1, Math.min(MOST_PARTS, Math.floor(MOST_PART_FLOATS / (m * n + n))));
}

/** The grid over tiles of so many filters, and the parts that it has. */
function divided(size: Conv2dWeightSize, { groups, fewest, tile }: typeof LANES, filters: number): Divided {
  const { m, n, k } = size;
  const tiles = Math.ceil(m / tile) * Math.ceil(n / filters);
  const wanted = Math.ceil(groups / tiles);
  const splits = Math.max(1, Math.min(mostWeightParts(size), wanted, Math.floor(k / fewest)));
  return { workgroups: [tiles, splits, 1], splits, each: Math.ceil(k / splits / 4) * 4 };
}

const onLanes = (size: Conv2dWeightSize, filters: number): Conv2dWeightVariant => ({
  kernel: 'conv2d_weight_subgroup4',
  filters,
  ...divided(size, LANES, filters),
});

function variantsOf(size: Conv2dWeightSize, target: Target): Conv2dWeightVariant[] {
  const { m, n, columnSums } = size;
  if (hasFourLanes(target)) return (n <= 16 ? [16] : [32, 16]).map((filters) => onLanes(size, filters));
  const tiles = divided(size, TILES, TILES.tile);
  const plain = { kernel: 'conv2d_weight_tile', ...tiles } as const;
  if (!hasMatrices(target) || n < FEWEST_MATRIX) return [plain];
  const across = Math.ceil((m + Number(columnSums ?? false)) / TILES.tile) * Math.ceil(n / TILES.tile);
  return [{ kernel: 'conv2d_weight_matrix', ...tiles, workgroups: [across, tiles.splits, 1] }, plain];
}

const nameOf = (variant: Conv2dWeightVariant): string =>
  variant.kernel === 'conv2d_weight_subgroup4' ? `${variant.kernel} ${variant.filters}` : variant.kernel;

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
