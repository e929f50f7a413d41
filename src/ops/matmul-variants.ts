/**
 * Which matmul kernel runs on a target, and its grid.
 *
 * On GPUs, products of at least 64 × 64 results or 128 values of k run `matmul_tile`, smaller ones `matmul`. The tiles have
 * 128 × 128 results where m and n are both over 64 and there are at least 256 such tiles, else 64 × 64. Where there are fewer
 * than 256 of these, k is divided into as many parts as make 256 workgroups, of at least 64 values each.
 * In mixed precision, products of at least 32 in each direction run `matmul_matrix` on factors that `matmul_pack` has rounded
 * to f16; without subgroup matrices those that run `matmul_tile` have them rounded on their way into workgroup memory.
 *
 * Another may be chosen for a key `matmul m×k×n`, then N or T for each factor as it lies: tiles of either side, in those parts
 * or in one, small products on GPUs and all on four lanes by `matmul`, and in mixed precision the tiles of either kind, or pieces loaded ahead.
 */
import { type Target, hasFourLanes, hasHalves, hasMatrices } from '../gpu/target.ts';
import { chosen } from '../graph/candidates.ts';
import type { Candidates } from '../graph/graph.ts';

/** [m, k]·[k, n]. */
export interface MatmulSize {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Whether the column sums of op(b) are wanted as well. */
  readonly columnSums?: boolean;
}

type Grid = readonly [number, number, number];

export type MatmulVariant =
  | {
      readonly kernel: 'matmul_matrix';
      readonly workgroups: Grid;
      readonly pieces: MatmulPieces;
      /** Whether pieces are loaded while those before them are multiplied. */
      readonly ahead: boolean;
    }
  | { readonly kernel: 'matmul' | 'matmul_subgroup4'; readonly workgroups: Grid }
  | ({
      readonly kernel: 'matmul_tile';
      readonly tile: number;
      /** Whether the factors are rounded to f16. */
      readonly halves: boolean;
      readonly workgroups: Grid;
    } & MatmulParts);

/** How k is divided: `each` values to a part, the last one may have fewer. */
export interface MatmulParts {
  readonly splits: number;
  readonly each: number;
}

/** The 16 × 16 pieces of both factors: rows of op(a), one more for column sums, and columns of op(b), in whole tiles of 128. */
export interface MatmulPieces {
  readonly a: number;
  readonly b: number;
  readonly k: number;
}

/** Fewest rows, columns and values of k that are worth packing, and the side of a tile and of a piece. */
const [FEWEST_MATRIX, MATRIX_TILE, PIECE] = [32, 128, 16];

export function matmulPieces({ m, n, k, columnSums }: MatmulSize): MatmulPieces {
  const whole = (count: number): number => (Math.ceil(count / MATRIX_TILE) * MATRIX_TILE) / PIECE;
  return { a: whole(columnSums ? m + 1 : m), b: whole(n), k: Math.ceil(k / PIECE) };
}

const [SMALL_TILE, LARGE_TILE] = [64, 128];
/** Workgroups that keep a GPU busy. */
const ENOUGH_GROUPS = 256;
/** Fewest values of k that are worth a part, and what their number is a multiple of: those in workgroup memory at a time. */
const [FEWEST_EACH, STEP] = [64, 8];

const tilesOf = ({ m, n }: MatmulSize, tile: number): number => Math.ceil(m / tile) * Math.ceil(n / tile);

/** The parts of a product on a GPU. */
export function matmulParts(size: MatmulSize): MatmulParts {
  const wanted = Math.ceil(ENOUGH_GROUPS / tilesOf(size, SMALL_TILE));
  const splits = Math.max(1, Math.min(wanted, Math.floor(size.k / FEWEST_EACH)));
  const each = Math.ceil(size.k / splits / STEP) * STEP;
  return { splits: Math.ceil(size.k / each), each };
}

/** Most multiply-adds of a product that `matmul` is tried for on a GPU, and most parts that are tried as a single one. */
const [MOST_PLAIN, MOST_JOINED] = [2 ** 22, 16];
/** Workgroups that WebGPU takes in a direction. */
const MOST_ACROSS = 65_535;

const plain = (size: MatmulSize): MatmulVariant => ({
  kernel: 'matmul',
  workgroups: [Math.ceil(tilesOf(size, 8) / 16), 1, 1],
});

const tiled = (size: MatmulSize, tile: number, parts: MatmulParts, halves: boolean): MatmulVariant => ({
  kernel: 'matmul_tile',
  tile,
  halves,
  ...parts,
  workgroups: [tilesOf(size, tile), parts.splits, 1],
});

function matrices(size: MatmulSize, ahead: boolean): MatmulVariant {
  const pieces = matmulPieces(size);
  const tiles = (pieces.a * pieces.b * PIECE ** 2) / MATRIX_TILE ** 2;
  return { kernel: 'matmul_matrix', workgroups: [tiles, 1, 1], pieces, ahead };
}

const worthHalves = ({ m, n, k }: MatmulSize, target: Target): boolean =>
  hasHalves(target) && Math.min(m, n, k) >= FEWEST_MATRIX;

/** What runs where nothing else is chosen. */
function preferred(size: MatmulSize, target: Target): MatmulVariant {
  const { m, n, k } = size;
  const halves = worthHalves(size, target);
  if (halves && hasMatrices(target)) return matrices(size, false);
  if (hasFourLanes(target)) return { kernel: 'matmul_subgroup4', workgroups: [tilesOf(size, 32), 1, 1] };
  const large = m * n >= SMALL_TILE ** 2 || k >= 2 * FEWEST_EACH;
  if (target.adapter === 'software' || !large) return plain(size);
  const tile =
    Math.min(m, n) > SMALL_TILE && tilesOf(size, LARGE_TILE) >= ENOUGH_GROUPS ? LARGE_TILE : SMALL_TILE;
  return tiled(size, tile, matmulParts(size), halves);
}

/** What else can run. None needs more room for parts than the node has. */
function alternatives(size: MatmulSize, target: Target): MatmulVariant[] {
  const { m, n, k } = size;
  if (target.adapter === 'software') return [plain(size)];
  const parts = matmulParts(size);
  const joined = parts.splits <= MOST_JOINED ? [{ splits: 1, each: Math.ceil(k / STEP) * STEP }] : [];
  return [
    ...(worthHalves(size, target) && hasMatrices(target) ? [matrices(size, true)] : []),
    ...(worthHalves(size, target) ? [true, false] : [false]).flatMap((halves) =>
      (Math.min(m, n) > SMALL_TILE ? [SMALL_TILE, LARGE_TILE] : [SMALL_TILE]).flatMap((tile) =>
        [parts, ...joined].map((each) => tiled(size, tile, each, halves)),
      ),
    ),
    ...(m * n * k <= MOST_PLAIN ? [plain(size)] : []),
  ].filter(({ workgroups: [across] }) => across <= MOST_ACROSS);
}

function nameOf(variant: MatmulVariant): string {
  switch (variant.kernel) {
    case 'matmul_tile':
      return `matmul_tile ${variant.tile} x${variant.splits}${variant.halves ? ' f16' : ''}`;
    case 'matmul_matrix':
      return variant.ahead ? 'matmul_matrix ahead' : 'matmul_matrix';
    default:
      return variant.kernel;
  }
}

/** The kernels that can run a product on a target, by name: the default first. */
export function matmulCandidates(size: MatmulSize, target: Target): Candidates<MatmulVariant> {
  const { m, n, k, transposeA, transposeB } = size;
  const variants = [preferred(size, target), ...alternatives(size, target)];
  return {
    key: `matmul ${m}x${k}x${n} ${transposeA ? 'T' : 'N'}${transposeB ? 'T' : 'N'}`,
    variants: new Map(variants.map((variant) => [nameOf(variant), variant])),
  };
}

/** What runs: what the target has on record for the product, else the default. */
export function matmulVariant(size: MatmulSize, target: Target): MatmulVariant {
  return chosen(matmulCandidates(size, target), target);
}
