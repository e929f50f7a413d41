/** Workgroup counts for kernels that walk over elements with a stride of the whole grid. */

/** Enough workgroups to fill any GPU; beyond it, invocations loop. */
const MOST_GROUPS = 4096;

/** The grid of a kernel whose workgroups take `perGroup` elements each and loop if there are more. */
export function elementGroups(count: number, perGroup: number): [number, number, number] {
  return [Math.max(1, Math.min(MOST_GROUPS, Math.ceil(count / perGroup))), 1, 1];
}

/** Neighbouring columns that a workgroup takes at a time, the rest of its invocations taking further rows: a power of two. */
export function lanesAcross(columns: number): number {
  return Math.min(64, 2 ** Math.ceil(Math.log2(columns)));
}

/** Workgroups across the grid of a kernel with a workgroup a tile; WebGPU takes at most 65 535 in a direction. */
const GRID_WIDTH = 1024;

/** The grid of a kernel whose `tiles` are numbered row by row of the grid; those past the last have nothing to do. */
export function tileGroups(tiles: number): [number, number, number] {
  return [Math.min(tiles, GRID_WIDTH), Math.ceil(tiles / GRID_WIDTH), 1];
}
