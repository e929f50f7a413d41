/**
 * Matrix product with everything that surrounds it in a dense layer, forward and backward, in one dispatch, or two where
 * the sum is long and the result small:
 *   out = act( (old out + op(a)·op(b) + bias) ⊙ act'(gate) ),   optionally also the column sums of b (bias gradient).
 * a is [m, k] or, transposed, [k, m]; b is [k, n] or [n, k]; out is [m, n].
 */
import { type AnyKernelCall, kernelCall } from '../gpu/kernel.ts';
import type { Graph, Op, Tensor } from '../graph/graph.ts';
import { activationNumber } from './activation-kinds.ts';
import { elementGroups, tileGroups } from './grid.ts';
import { matmulCandidates, matmulParts, matmulPieces, matmulVariant } from './matmul-variants.ts';
import {
  type Product,
  type ProductOptions,
  epilogueCall,
  productOf,
  storedConstants,
  sumGradient,
} from './product.ts';
import { reduceColumns } from './reduce.ts';

interface Matmul extends Product {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

const matmulOp: Op<Matmul> = {
  name: 'matmul',
  isProduct: true,
  candidates: ({ attributes }, target) => matmulCandidates(attributes, target),
  dispatch({ inputs, outputs, attributes: at }, target) {
    const [a, b] = inputs as readonly [Tensor, Tensor];
    const [out, columnSums, parts] = outputs as readonly [Tensor, Tensor, Tensor];
    const variant = matmulVariant(at, target);
    const { m, n, k } = at;
    const { params, bindings, overrides } = epilogueCall(inputs, at, a);
    const finish = {
      params: {
        ...params,
        activation: activationNumber(at.activation),
        activation_slope: slopeBelowZero(at),
      },
      bindings: { ...bindings, out, column_sums: columnSums },
      overrides: { ...overrides, COLUMN_SUMS: Number(at.columnSums) },
    };
    if (variant.kernel === 'matmul_matrix') {
      const { pieces, workgroups, ahead } = variant;
      const [aPieces, bPieces] = outputs.slice(3) as [Tensor, Tensor];
      return [
        packCall(a, aPieces, {
          rows: m,
          k,
          alongK: !at.transposeA,
          ones: at.columnSums,
          pieces: [pieces.a, pieces.k],
        }),
        packCall(b, bPieces, {
          rows: n,
          k,
          alongK: at.transposeB,
          ones: false,
          pieces: [pieces.b, pieces.k],
        }),
        kernelCall({
          ...finish,
          kernel: 'matmul_matrix',
          label: out.name,
          params: { m, n, k_pieces: pieces.k, ...finish.params },
          bindings: { a_pieces: aPieces, b_pieces: bPieces, ...finish.bindings },
          constants: { AHEAD: Number(ahead) },
          workgroups,
          flops: 2 * m * n * k,
          bytes: 2 * (m * k + k * n) + 4 * m * n,
        }),
      ];
    }
    const shared = {
      label: out.name,
      params: { m, n, k, ...finish.params },
      bindings: { a, b, ...finish.bindings },
      overrides: {
        ...finish.overrides,
        TRANSPOSE_A: Number(at.transposeA),
        TRANSPOSE_B: Number(at.transposeB),
      },
      workgroups: variant.workgroups,
      flops: 2 * m * n * k,
      bytes: 4 * (m * k + k * n + m * n),
    };
    if (variant.kernel !== 'matmul_tile') return [kernelCall({ ...shared, kernel: variant.kernel })];
    const { tile, halves, splits, each } = variant;
    const tiles = {
      ...shared,
      kernel: 'matmul_tile',
      params: { ...shared.params, each },
      constants: { TILE: tile, INVOCATIONS: (tile * tile) / 64, ...storedConstants(halves) },
    } as const;
    if (splits === 1) return [kernelCall(tiles)];
    return [
      kernelCall({
        ...tiles,
        label: `${out.name}.parts`,
        params: { ...tiles.params, activation: activationNumber('linear') },
        bindings: { ...tiles.bindings, bias: a, gate: a, out: parts },
        overrides: { ...tiles.overrides, HAS_BIAS: 0, ACCUMULATE: 0, GATE: 0, PARTS: 1 },
        bytes: 4 * (m * k + k * n + splits * m * n),
      }),
      kernelCall({
        ...finish,
        kernel: 'matmul_sum',
        label: out.name,
        params: { m, n, splits, ...finish.params },
        bindings: { parts, ...finish.bindings },
        workgroups: elementGroups((m + 1) * n, 64),
        flops: splits * m * n,
        bytes: 4 * (splits + 1) * m * n,
      }),
    ];
  },
  derivative(graph, node, [outGradient], wanted) {
    const at = node.attributes;
    const [a, b] = node.inputs as readonly [Tensor, Tensor];
    const dz = sumGradient(graph, node, outGradient);
    const gradients: (Tensor | undefined)[] = node.inputs.map(() => undefined);
    const names = { a: `d(${a.name})`, b: `d(${b.name})` };
    if (wanted[1]) {
      // db = op(a)ᵀ·dz, or its transpose; the bias gradient, the column sums of dz, rides along where dz is the right factor.
      const bias = at.bias >= 0 && wanted[at.bias];
      if (!at.transposeB) {
        const [db, dbias] = matmulNode(graph, a, dz, {
          transposeA: !at.transposeA,
          columnSums: bias ?? false,
          name: names.b,
        });
        gradients[1] = db;
        if (bias) gradients[at.bias] = dbias;
      } else {
        gradients[1] = matmulNode(graph, dz, a, {
          transposeA: true,
          transposeB: at.transposeA,
          name: names.b,
        })[0];
      }
    }
    if (at.bias >= 0 && wanted[at.bias]) gradients[at.bias] ??= reduceColumns(graph, dz, 'sum');
    if (wanted[0]) {
      gradients[0] = at.transposeA
        ? matmulNode(graph, b, dz, { transposeA: at.transposeB, transposeB: true, name: names.a })[0]
        : matmulNode(graph, dz, b, { transposeB: !at.transposeB, name: names.a })[0];
    }
    return gradients;
  },
};

/** A factor in 16 × 16 pieces of f16, for matmul_matrix. */
function packCall(
  source: Tensor,
  packed: Tensor,
  {
    rows,
    k,
    alongK,
    ones,
    pieces: [rowPieces, kPieces],
  }: { rows: number; k: number; alongK: boolean; ones: boolean; pieces: readonly [number, number] },
): AnyKernelCall<Tensor> {
  return kernelCall({
    kernel: 'matmul_pack',
    label: packed.name,
    params: {
      rows,
      k,
      row_stride: alongK ? k : 1,
      k_stride: alongK ? 1 : rows,
      row_pieces: rowPieces,
      k_pieces: kPieces,
    },
    bindings: { source, packed },
    overrides: { ONES: Number(ones) },
    workgroups: tileGroups(rowPieces * kPieces),
    flops: 0,
    bytes: 4 * rows * k + 512 * rowPieces * kPieces,
  });
}

export interface MatmulOptions extends ProductOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly columnSums?: boolean;
}

/** Slope of a straight activation below zero; 1 of the others, which are applied after it. */
function slopeBelowZero({ activation, slope }: Product): number {
  return activation === 'relu' ? 0 : activation === 'leaky-relu' ? slope : 1;
}

function matmulNode(graph: Graph, a: Tensor, b: Tensor, options: MatmulOptions): readonly Tensor[] {
  const { transposeA = false, transposeB = false, columnSums = false } = options;
  const [m, k] = (transposeA ? [a.shape[1], a.shape[0]] : [a.shape[0], a.shape[1]]) as [number, number];
  const [kb, n] = (transposeB ? [b.shape[1], b.shape[0]] : [b.shape[0], b.shape[1]]) as [number, number];
  if (k !== kb)
    throw new Error(
      `matmul: inner sizes differ: ${a.name} is [${a.shape}], ${b.name} is [${b.shape}] (transposed: ${transposeA}, ${transposeB})`,
    );
  const name = options.name ?? `${a.name}·${b.name}`;
  const { inputs, epilogue } = productOf([a, b], options, { columnSums });
  const pieces = matmulPieces({ m, n, k, columnSums });
  return graph.add(matmulOp, {
    inputs,
    outputs: [
      { name, shape: [m, n] },
      { name: `${name}.columnSums`, shape: [columnSums ? n : 1] }, // WebGPU wants every binding bound
      { name: `${name}.parts`, shape: [matmulParts({ m, n, k }).splits, m + 1, n] },
      { name: `${name}.a`, shape: [pieces.a, pieces.k, 128] }, // 16 × 16 halves, two to a float
      { name: `${name}.b`, shape: [pieces.b, pieces.k, 128] },
    ],
    attributes: { m, n, k, transposeA, transposeB, ...epilogue },
  });
}

/** act(op(a)·op(b) + bias): [m, n]. */
export function matmul(graph: Graph, a: Tensor, b: Tensor, options: MatmulOptions = {}): Tensor {
  return matmulNode(graph, a, b, options)[0] as Tensor;
}
