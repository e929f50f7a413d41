/**
 * Which kernels of the entropic objective run on a target, and how the pairs are divided among their workgroups.
 *
 * GPUs take tiles of 64 × 64 pairs, with 64 invocations, where these make at least 512 workgroups; else 32 × 32 or, fewer than
 * 128 of those, 16 × 16 pairs, with 256 invocations that share the values of d.
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

/** The kernel of the gradient, and the generated samples that a workgroup of it takes. */
export function gradientKernel(
  target: Target,
):
  | { readonly kernel: 'entropic_objective_gradient'; readonly columns: 16 }
  | { readonly kernel: 'entropic_objective_gradient_subgroup4'; readonly columns: 32 } {
  return hasFourLanes(target)
    ? { kernel: 'entropic_objective_gradient_subgroup4', columns: 32 }
    : { kernel: 'entropic_objective_gradient', columns: 16 };
}
