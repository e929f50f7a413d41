// out = act( (old out + op(a)·op(b) + bias) ⊙ act'(gate) )     op transposes or not; see the overrides.
//   a      [m, k], with TRANSPOSE_A [k, m]        b     [k, n], with TRANSPOSE_B [n, k]      all row-major
//   bias   [n], with HAS_BIAS                     gate  [m, n], with GATE: outputs of the activation whose derivative it is
//   out    [m, n]; with ACCUMULATE the product, and the column sums, are added to what is there
//   column_sums [n], with COLUMN_SUMS: Σ_k op(b)[k, n], the bias gradient of a dense layer
// With PARTS, for small results of long sums, out is [parts, m + 1, n] instead, which matmul_sum adds up: part s has the bare
// product over `each` values of k, from s·each on, and below it, with COLUMN_SUMS, the column sums over the same values.
// The variant for GPUs (Volkov & Demmel, SC 2008; its tiles are those of CUTLASS's SGEMM). A workgroup has TILE × TILE
// results, 8 × 8 an invocation in registers: 64 multiply-adds for four loads of four floats. Eight values of k at a time are
// in workgroup memory, in two halves: one is read while what comes after it is fetched, so that a step has one barrier.
// An invocation's rows, and columns, lie TILE/8 apart, so that neighbours load, read and store neighbours; see `slot`.
// Numeric strategy: float32, summed over k in order; in mixed precision the factors are f16 in workgroup memory, infinite
// beyond ±65 504.
// Grid: ⌈m/TILE⌉·⌈n/TILE⌉ × parts workgroups.
// Bytes: 4·m·n·k·2/TILE read, 4·m·n written, of each part. Flops: 2·m·n·k.
// lib: activation matmul_epilogue

struct Params {
  m: u32,
  n: u32,
  k: u32,
  each: u32, // values of k in a part; all of them without PARTS
  activation: u32, // numbers of lib/activation.wgsl
  activation_slope: f32, // below zero: 1 where linear or curved, 0 of ReLU
  gate_slope: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> gate: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;
@group(0) @binding(6) var<storage, read_write> column_sums: array<f32>;

override TRANSPOSE_A: u32 = 0u;
override TRANSPOSE_B: u32 = 0u;
override HAS_BIAS: u32 = 0u;
override ACCUMULATE: u32 = 0u;
override GATE: u32 = 0u;
override COLUMN_SUMS: u32 = 0u;
override PARTS: u32 = 0u;

const TILE: u32 = 64u; // specialised: 128 where there are enough results for it
const INVOCATIONS: u32 = 64u; // specialised: TILE·TILE/64
const STEP: u32 = 8u; // values of k in a half of workgroup memory
const FOURS: u32 = TILE / 4u; // vectors of a value of k
const LANES: u32 = TILE / 8u; // invocations along a side of the tile
const HALF: u32 = STEP * FOURS;

alias Stored = vec4f; // specialised: vec4h in mixed precision
// Vector v of a value of k: rows, or columns, v + FOURS·(0 … 3) of the tile.
var<workgroup> a_tile: array<Stored, 2u * HALF>;
var<workgroup> b_tile: array<Stored, 2u * HALF>;

@compute @workgroup_size(INVOCATIONS)
fn matmul_tile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let tiles_across = (params.n + TILE - 1u) / TILE;
  let column = (group.x % tiles_across) * TILE;
  let row = (group.x / tiles_across) * TILE;
  let begin = group.y * params.each;
  let end = min(begin + params.each, params.k);
  // 32 invocations, a subgroup of many GPUs, have 4 × 8 of the lanes: as near to a square as can be, it reads few different vectors.
  let lane_column = index % 8u + 8u * (index / 32u % (LANES / 8u));
  let lane_row = index / 8u % 4u + 4u * (index / (4u * LANES));
  // The vectors that an invocation brings, one of a and b each, or two in the smaller tile: neighbours in memory to
  // neighbouring invocations, whichever way the matrix lies.
  let a_along_k = TRANSPOSE_A == 0u;
  let a_i = select(index / FOURS, index % STEP, a_along_k);
  let a_v = select(index % FOURS, index / STEP, a_along_k);
  let a_more_i = a_i + select(INVOCATIONS / FOURS, 0u, a_along_k);
  let a_more_v = a_v + select(0u, INVOCATIONS / STEP, a_along_k);
  let b_along_k = TRANSPOSE_B == 1u;
  let b_i = select(index / FOURS, index % STEP, b_along_k);
  let b_v = select(index % FOURS, index / STEP, b_along_k);
  let b_more_i = b_i + select(INVOCATIONS / FOURS, 0u, b_along_k);
  let b_more_v = b_v + select(0u, INVOCATIONS / STEP, b_along_k);
  var a_next = four_of_a(row + a_v, begin + a_i, end);
  var b_next = four_of_b(column + b_v, begin + b_i, end);
  var a_more = vec4f();
  var b_more = vec4f();
  if (TILE == 64u) {
    a_more = four_of_a(row + a_more_v, begin + a_more_i, end);
    b_more = four_of_b(column + b_more_v, begin + b_more_i, end);
  }
  var even0 = vec4f();
  var odd0 = vec4f();
  var even1 = vec4f();
  var odd1 = vec4f();
  var even2 = vec4f();
  var odd2 = vec4f();
  var even3 = vec4f();
  var odd3 = vec4f();
  var even4 = vec4f();
  var odd4 = vec4f();
  var even5 = vec4f();
  var odd5 = vec4f();
  var even6 = vec4f();
  var odd6 = vec4f();
  var even7 = vec4f();
  var odd7 = vec4f();
  var even_sums = vec4f();
  var odd_sums = vec4f();
  var base = 0u; // of the half that is written, then read
  for (var k = begin; k < end; k += STEP) {
    a_tile[base + slot(a_i, a_v)] = Stored(a_next);
    b_tile[base + slot(b_i, b_v)] = Stored(b_next);
    if (TILE == 64u) {
      a_tile[base + slot(a_more_i, a_more_v)] = Stored(a_more);
      b_tile[base + slot(b_more_i, b_more_v)] = Stored(b_more);
    }
    workgroupBarrier();
    let next = k + STEP;
    a_next = four_of_a(row + a_v, next + a_i, end);
    b_next = four_of_b(column + b_v, next + b_i, end);
    if (TILE == 64u) {
      a_more = four_of_a(row + a_more_v, next + a_more_i, end);
      b_more = four_of_b(column + b_more_v, next + b_more_i, end);
    }
    for (var i = 0u; i < STEP; i++) {
      let a_at = base + slot(i, lane_row);
      let b_at = base + slot(i, lane_column);
      let x = vec4f(a_tile[a_at]); // the even ones of the invocation's rows, then the odd ones
      let y = vec4f(a_tile[a_at + LANES]);
      let even = vec4f(b_tile[b_at]);
      let odd = vec4f(b_tile[b_at + LANES]);
      even0 += x.x * even;
      odd0 += x.x * odd;
      even1 += y.x * even;
      odd1 += y.x * odd;
      even2 += x.y * even;
      odd2 += x.y * odd;
      even3 += y.y * even;
      odd3 += y.y * odd;
      even4 += x.z * even;
      odd4 += x.z * odd;
      even5 += y.z * even;
      odd5 += y.z * odd;
      even6 += x.w * even;
      odd6 += x.w * odd;
      even7 += y.w * even;
      odd7 += y.w * odd;
      if (COLUMN_SUMS == 1u) {
        even_sums += even;
        odd_sums += odd;
      }
    }
    base = HALF - base;
  }
  let tile = array<vec4f, 16>(
    even0, odd0,
    even1, odd1,
    even2, odd2,
    even3, odd3,
    even4, odd4,
    even5, odd5,
    even6, odd6,
    even7, odd7,
  );
  let first_row = row + lane_row;
  let first_column = column + lane_column;
  let part = group.y * (params.m + 1u) * params.n;
  for (var i = 0u; i < 64u; i++) {
    let to_row = first_row + i / 8u * LANES;
    let to_column = first_column + i % 8u * LANES;
    let product = tile[i / 8u * 2u + i % 2u][i % 8u / 2u];
    if (PARTS == 0u) {
      store_one(to_row, to_column, product);
    } else if (to_row < params.m && to_column < params.n) {
      out[part + to_row * params.n + to_column] = product;
    }
  }
  for (var rest = is_curved(params.activation); rest; rest = false) {
    for (var i = 0u; i < 64u; i++) {
      curve_one(first_row + i / 8u * LANES, first_column + i % 8u * LANES);
    }
  }
  if (COLUMN_SUMS == 1u && first_row == 0u) {
    let sums = array<vec4f, 2>(even_sums, odd_sums);
    for (var i = 0u; i < 8u; i++) {
      let to_column = first_column + i * LANES;
      let sum = sums[i % 2u][i / 2u];
      if (PARTS == 0u) {
        store_sum(to_column, sum);
      } else if (to_column < params.n) {
        out[part + params.m * params.n + to_column] = sum;
      }
    }
  }
}

// Where vector v of the i-th value of k lies in a half of workgroup memory. Eight neighbours are permuted by i, so that they lie
// in different banks whether it is v or i in which eight invocations differ.
fn slot(i: u32, v: u32) -> u32 {
  return i * FOURS + (v ^ i);
}

// Rows r + FOURS·(0 … 3) of op(a) at a value of k. Past the last row that one repeats; past the end of the sum there are zeros.
fn four_of_a(r: u32, at: u32, end: u32) -> vec4f {
  if (at >= end) {
    return vec4f();
  }
  let stride = select(params.k, 1u, TRANSPOSE_A == 1u);
  let start = at * select(1u, params.m, TRANSPOSE_A == 1u);
  let last = params.m - 1u;
  return vec4f(
    a[start + min(r, last) * stride],
    a[start + min(r + FOURS, last) * stride],
    a[start + min(r + 2u * FOURS, last) * stride],
    a[start + min(r + 3u * FOURS, last) * stride],
  );
}

// Columns c + FOURS·(0 … 3) of op(b), likewise.
fn four_of_b(c: u32, at: u32, end: u32) -> vec4f {
  if (at >= end) {
    return vec4f();
  }
  let stride = select(1u, params.k, TRANSPOSE_B == 1u);
  let start = at * select(params.n, 1u, TRANSPOSE_B == 1u);
  let last = params.n - 1u;
  return vec4f(
    b[start + min(c, last) * stride],
    b[start + min(c + FOURS, last) * stride],
    b[start + min(c + 2u * FOURS, last) * stride],
    b[start + min(c + 3u * FOURS, last) * stride],
  );
}
