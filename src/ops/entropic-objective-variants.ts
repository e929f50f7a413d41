/**
 * Which kernels of the entropic objective run on a target, and how the pairs are divided among their workgroups.
 *
 * GPUs take tiles of 64 × 64 pairs, with 64 invocations, where these make at least 512 workgroups; else 32 × 32 or, fewer than
 * 128 of those, 16 × 16 pairs, with 256 invocations that share the values of d. In the gradient a workgroup has a tile's generated
 * samples and goes through the data; where there are too few, the data are divided into parts, which are summed in order.
 */
import { type Target, hasFourLanes } from '../gpu/target.ts';

export type TilesKernel =
  'entropic_objective_tiles' | 'entropic_objective_tiles_subgroup4' | 'entropic_objective_tiles_tile';

/** Tiles along a side of the pairs, and blocks of them that leave partial statistics. */
export interface Blocks {
  readonly tiles: number;
  readonly blocks: number;
}

export interface PairBlocks {
  /** Pairs along a side of a tile. */
  readonly tile: number;
  readonly rows: Blocks;
  readonly columns: Blocks;
}

/** Blocks along each side: partial statistics take O((n + m)·64) memory. */
export const MOST_BLOCKS = 64;
/** The tile of software adapters. */
const SOFTWARE_TILE = 32;
/** The tiles of GPUs, and the workgroups from which on each is taken. */
const LARGER_TILES = [
  { tile: 64, fewest: 512 },
  { tile: 32, fewest: 128 },
] as const;
const SMALLEST_TILE = 16;
/** Workgroups that keep a GPU busy with the smallest tiles of the gradient, and floats of its parts at most. */
const ENOUGH_GROUPS = 128;
const MOST_PART_FLOATS = 2 ** 24;

/** What lib/pair_tile of the shaders is specialised to. */
export function tileConstants(tile: number): { TILE: number; INVOCATIONS: number; STEP: number } {
  return tile === 64
    ? { TILE: tile, INVOCATIONS: 64, STEP: 8 }
    : { TILE: tile, INVOCATIONS: 256, STEP: 1024 / tile };
}

/** Tiles in a block and number of blocks along a side of `count`. */
function blocksOf(count: number, tile: number): Blocks {
  const tiles = Math.ceil(Math.ceil(count / tile) / MOST_BLOCKS);
  return { tiles, blocks: Math.ceil(count / (tiles * tile)) };
}

export function tilesKernel(target: Target): TilesKernel {
  if (hasFourLanes(target)) return 'entropic_objective_tiles_subgroup4';
  return target.adapter === 'hardware' ? 'entropic_objective_tiles_tile' : 'entropic_objective_tiles';
}

/** How the pairs are divided on a kind of adapter. */
export function pairBlocks(n: number, m: number, adapter: Target['adapter']): PairBlocks {
  const divided = (tile: number): PairBlocks => ({
    tile,
    rows: blocksOf(n, tile),
    columns: blocksOf(m, tile),
  });
  if (adapter === 'software') return divided(SOFTWARE_TILE);
  for (const { tile, fewest } of LARGER_TILES) {
    const found = divided(tile);
    if (found.rows.blocks * found.columns.blocks >= fewest) return found;
  }
  return divided(SMALLEST_TILE);
}

/** The kernel of the gradient on software adapters; a workgroup takes 16 generated samples. */
export function softwareGradientKernel(
  target: Target,
): 'entropic_objective_gradient' | 'entropic_objective_gradient_subgroup4' {
  return hasFourLanes(target) ? 'entropic_objective_gradient_subgroup4' : 'entropic_objective_gradient';
}

/** How the gradient is divided on GPUs: tiles of generated samples, and parts of `each` rows of the data, a multiple of the tile. */
export interface GradientParts {
  readonly tile: number;
  readonly parts: number;
  readonly each: number;
}

/** A dispatch of the gradient: of the rows of every part, `span` from the first on. */
export interface GradientSpan {
  readonly first: number;
  readonly span: number;
}

/** The dispatches that together take all rows of every part, at most `most` tiles of each at a time. */
export function gradientSpans({ tile, each }: GradientParts, most: number): GradientSpan[] {
  const longest = tile * Math.max(1, Math.floor(most));
  return Array.from({ length: Math.ceil(each / longest) }, (_, i) => ({
    first: i * longest,
    span: Math.min(longest, each - i * longest),
  }));
}

export function gradientParts({ n, m, d }: { n: number; m: number; d: number }): GradientParts {
  const most = Math.max(1, Math.floor(MOST_PART_FLOATS / (m * d)));
  const divided = (tile: number, enough: number): GradientParts => {
    const rows = Math.ceil(n / tile);
    const wanted = Math.ceil(enough / Math.ceil(m / tile));
    const tiles = Math.ceil(rows / Math.min(wanted, most, rows));
    return { tile, parts: Math.ceil(rows / tiles), each: tiles * tile };
  };
  for (const { tile, fewest } of LARGER_TILES) {
    const found = divided(tile, fewest);
    if (Math.ceil(m / tile) * found.parts >= fewest) return found;
  }
  return divided(SMALLEST_TILE, ENOUGH_GROUPS);
}
