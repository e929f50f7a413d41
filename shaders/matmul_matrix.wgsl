// out = act( (old out + op(a)·op(b) + bias) ⊙ act'(gate) ), with a and b rounded to f16: everything but the factors is as in matmul.wgsl.
//   a_pieces, b_pieces   [⌈rows/128⌉·8, k_pieces, 16, 16] of op(a) and of the transpose of op(b), as matmul_pack makes them
//   column_sums          with COLUMN_SUMS: row m of the product, for which op(a) has a row of ones
// The variant for mixed precision, on subgroup matrices of 16 × 16 (tensor cores). A workgroup of eight subgroups of 32 has
// 128 × 128 results, 64 × 32 a subgroup. The pieces come straight from memory, each in one run of 512 bytes: there is
// neither a barrier nor workgroup memory between them and the products.
// Numeric strategy: operands in f16, products and sums in float32. Grid: ⌈rows/128⌉·⌈n/128⌉ workgroups, rows with that of ones.
// Bytes: 2·m·n·k·(1/64 + 1/32) read through caches, 4·m·n written. Flops: 2·m·n·k.
// lib: activation matmul_epilogue

diagnostic(off, chromium.subgroup_matrix_uniformity); // a subgroup's place is the same for all of its invocations
enable f16;
enable chromium_experimental_subgroup_matrix;

struct Params {
  m: u32,
  n: u32,
  k_pieces: u32,
  activation: u32, // numbers of lib/activation.wgsl
  activation_slope: f32, // below zero: 1 where linear or curved, 0 of ReLU
  gate_slope: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a_pieces: array<f16>;
@group(0) @binding(2) var<storage, read> b_pieces: array<f16>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> gate: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<storage, read_write> column_sums: array<f32>;

override HAS_BIAS: u32 = 0u;
override ACCUMULATE: u32 = 0u;
override GATE: u32 = 0u;
override COLUMN_SUMS: u32 = 0u;

const AHEAD: u32 = 0u; // specialised: 1 to load the next pieces while those at hand are multiplied, at 24 registers

var<workgroup> results: array<f32, 2048>; // 16 × 16 of each subgroup

@compute @workgroup_size(256)
fn matmul_matrix(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let tiles_across = (params.n + 127u) / 128u;
  let subgroup = index / 32u;
  let lane = index % 32u;
  let row = (group.x / tiles_across) * 128u + subgroup / 4u * 64u;
  let column = (group.x % tiles_across) * 128u + subgroup % 4u * 32u;
  let down = params.k_pieces * 256u; // from one row of pieces to the next
  var a = row / 16u * down;
  var b = column / 16u * down;
  var sum00 = subgroup_matrix_result<f32, 16, 16>();
  var sum01 = subgroup_matrix_result<f32, 16, 16>();
  var sum10 = subgroup_matrix_result<f32, 16, 16>();
  var sum11 = subgroup_matrix_result<f32, 16, 16>();
  var sum20 = subgroup_matrix_result<f32, 16, 16>();
  var sum21 = subgroup_matrix_result<f32, 16, 16>();
  var sum30 = subgroup_matrix_result<f32, 16, 16>();
  var sum31 = subgroup_matrix_result<f32, 16, 16>();
  if (AHEAD == 0u) {
    for (var k = 0u; k < params.k_pieces; k++) {
      let a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&a_pieces, a, 16u);
      let a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&a_pieces, a + down, 16u);
      let a2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&a_pieces, a + 2u * down, 16u);
      let a3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&a_pieces, a + 3u * down, 16u);
      let b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&b_pieces, b, 16u);
      let b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&b_pieces, b + down, 16u);
      sum00 = subgroupMatrixMultiplyAccumulate(a0, b0, sum00);
      sum01 = subgroupMatrixMultiplyAccumulate(a0, b1, sum01);
      sum10 = subgroupMatrixMultiplyAccumulate(a1, b0, sum10);
      sum11 = subgroupMatrixMultiplyAccumulate(a1, b1, sum11);
      sum20 = subgroupMatrixMultiplyAccumulate(a2, b0, sum20);
      sum21 = subgroupMatrixMultiplyAccumulate(a2, b1, sum21);
      sum30 = subgroupMatrixMultiplyAccumulate(a3, b0, sum30);
      sum31 = subgroupMatrixMultiplyAccumulate(a3, b1, sum31);
      a += 256u;
      b += 256u;
    }
  } else {
    var a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&a_pieces, a, 16u);
    var a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&a_pieces, a + down, 16u);
    var a2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&a_pieces, a + 2u * down, 16u);
    var a3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&a_pieces, a + 3u * down, 16u);
    var b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&b_pieces, b, 16u);
    var b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&b_pieces, b + down, 16u);
    for (var k = 1u; k <= params.k_pieces; k++) {
      let a0_now = a0;
      let a1_now = a1;
      let a2_now = a2;
      let a3_now = a3;
      let b0_now = b0;
      let b1_now = b1;
      let step = select(256u, 0u, k == params.k_pieces); // beyond the last ones there is nothing: they are loaded again
      a += step;
      b += step;
      a0 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&a_pieces, a, 16u);
      a1 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&a_pieces, a + down, 16u);
      a2 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&a_pieces, a + 2u * down, 16u);
      a3 = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&a_pieces, a + 3u * down, 16u);
      b0 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&b_pieces, b, 16u);
      b1 = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&b_pieces, b + down, 16u);
      sum00 = subgroupMatrixMultiplyAccumulate(a0_now, b0_now, sum00);
      sum01 = subgroupMatrixMultiplyAccumulate(a0_now, b1_now, sum01);
      sum10 = subgroupMatrixMultiplyAccumulate(a1_now, b0_now, sum10);
      sum11 = subgroupMatrixMultiplyAccumulate(a1_now, b1_now, sum11);
      sum20 = subgroupMatrixMultiplyAccumulate(a2_now, b0_now, sum20);
      sum21 = subgroupMatrixMultiplyAccumulate(a2_now, b1_now, sum21);
      sum30 = subgroupMatrixMultiplyAccumulate(a3_now, b0_now, sum30);
      sum31 = subgroupMatrixMultiplyAccumulate(a3_now, b1_now, sum31);
    }
  }
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum00, 16u);
  workgroupBarrier();
  store_results(subgroup, lane, row, column);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum01, 16u);
  workgroupBarrier();
  store_results(subgroup, lane, row, column + 16u);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum10, 16u);
  workgroupBarrier();
  store_results(subgroup, lane, row + 16u, column);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum11, 16u);
  workgroupBarrier();
  store_results(subgroup, lane, row + 16u, column + 16u);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum20, 16u);
  workgroupBarrier();
  store_results(subgroup, lane, row + 32u, column);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum21, 16u);
  workgroupBarrier();
  store_results(subgroup, lane, row + 32u, column + 16u);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum30, 16u);
  workgroupBarrier();
  store_results(subgroup, lane, row + 48u, column);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum31, 16u);
  workgroupBarrier();
  store_results(subgroup, lane, row + 48u, column + 16u);
}

// The 16 × 16 sums that a subgroup has put into workgroup memory.
fn store_results(subgroup: u32, lane: u32, first_row: u32, first_column: u32) {
  let column = first_column + lane % 16u;
  for (var r = lane / 16u; r < 16u; r += 2u) {
    let product = results[subgroup * 256u + r * 16u + lane % 16u];
    store_one(first_row + r, column, product);
    if (is_curved(params.activation)) {
      curve_one(first_row + r, column);
    }
    if (COLUMN_SUMS == 1u && first_row + r == params.m) {
      store_sum(column, product);
    }
  }
}
