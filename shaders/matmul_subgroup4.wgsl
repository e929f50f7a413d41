enable subgroups;

// out = act( (old out + op(a)·op(b) + bias) ⊙ act'(gate) )     op transposes or not; see the overrides.
//   a      [m, k], with TRANSPOSE_A [k, m]        b     [k, n], with TRANSPOSE_B [n, k]      all row-major
//   bias   [n], with HAS_BIAS                     gate  [m, n], with GATE: outputs of the activation whose derivative it is
//   out    [m, n]; with ACCUMULATE the product, and the column sums, are added to what is there
//   column_sums [n], with COLUMN_SUMS: Σ_k op(b)[k, n], the bias gradient of a dense layer
// The variant for subgroups of exactly four lanes (CPU adapters). One workgroup is one subgroup and has a tile of 32 × 32:
// the lanes share its rows, lane l has the columns l, l+4, …, l+28. Every load is of four neighbours, one a lane, which
// such adapters do in one instruction (scattered loads are what costs there); a goes to all lanes by a register shuffle,
// and the products are 4×4×4 blocks, so that an accumulator is fetched and put back once for four products.
// Numeric strategy: float32, summed over k in order, four at a time. Grid: ⌈m/32⌉·⌈n/32⌉ workgroups.
// Bytes: 4·m·n·k/16 read, 4·m·n written. Flops: 2·m·n·k.
// lib: activation matmul_epilogue

struct Params {
  m: u32,
  n: u32,
  k: u32,
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

@compute @workgroup_size(4)
fn matmul_subgroup4(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tiles_across = (params.n + 31u) / 32u;
  let column = (group.x % tiles_across) * 32u;
  let row = (group.x / tiles_across) * 32u;
  var left0 = mat4x4f();
  var right0 = mat4x4f();
  var left1 = mat4x4f();
  var right1 = mat4x4f();
  var left2 = mat4x4f();
  var right2 = mat4x4f();
  var left3 = mat4x4f();
  var right3 = mat4x4f();
  var left4 = mat4x4f();
  var right4 = mat4x4f();
  var left5 = mat4x4f();
  var right5 = mat4x4f();
  var left6 = mat4x4f();
  var right6 = mat4x4f();
  var left7 = mat4x4f();
  var right7 = mat4x4f();
  var sums_left = vec4f();
  var sums_right = vec4f();
  for (var k = 0u; k < params.k; k += 4u) {
    let b_left = four_columns(column, k, lane);
    let b_right = four_columns(column + 16u, k, lane);
    let a0 = four_rows(row, k, lane);
    left0 += a0 * b_left;
    right0 += a0 * b_right;
    let a1 = four_rows(row + 4u, k, lane);
    left1 += a1 * b_left;
    right1 += a1 * b_right;
    let a2 = four_rows(row + 8u, k, lane);
    left2 += a2 * b_left;
    right2 += a2 * b_right;
    let a3 = four_rows(row + 12u, k, lane);
    left3 += a3 * b_left;
    right3 += a3 * b_right;
    let a4 = four_rows(row + 16u, k, lane);
    left4 += a4 * b_left;
    right4 += a4 * b_right;
    let a5 = four_rows(row + 20u, k, lane);
    left5 += a5 * b_left;
    right5 += a5 * b_right;
    let a6 = four_rows(row + 24u, k, lane);
    left6 += a6 * b_left;
    right6 += a6 * b_right;
    let a7 = four_rows(row + 28u, k, lane);
    left7 += a7 * b_left;
    right7 += a7 * b_right;
    if (COLUMN_SUMS == 1u) {
      sums_left += vec4f(1.0) * b_left;
      sums_right += vec4f(1.0) * b_right;
    }
  }
  let tile = array<mat4x4f, 16>(
    left0, right0,
    left1, right1,
    left2, right2,
    left3, right3,
    left4, right4,
    left5, right5,
    left6, right6,
    left7, right7,
  );
  for (var i = 0u; i < 16u; i++) {
    for (var c = 0u; c < 4u; c++) {
      for (var r = 0u; r < 4u; r++) {
        store_one(row + (i / 2u) * 4u + r, column + (i % 2u) * 16u + c * 4u + lane, tile[i][c][r]);
      }
    }
  }
  for (var rest = is_curved(params.activation); rest; rest = false) {
    for (var r = row; r < row + 32u; r++) {
      for (var c = column + lane; c < column + 32u; c += 4u) {
        curve_one(r, c);
      }
    }
  }
  if (COLUMN_SUMS == 1u && row == 0u) {
    for (var c = 0u; c < 4u; c++) {
      store_sum(column + lane + 4u * c, sums_left[c]);
      store_sum(column + lane + 4u * c + 16u, sums_right[c]);
    }
  }
}

// Rows row … row+3 of op(a) at k … k+3, the same in every lane: column q of the matrix is k+q. Past the edges the last
// row and k repeat; four_columns has zeros there.
fn four_rows(row: u32, k: u32, lane: u32) -> mat4x4f {
  if (TRANSPOSE_A == 1u) {
    let values = four_of_a(min(vec4u(k, k + 1u, k + 2u, k + 3u), vec4u(params.k - 1u)) * params.m + min(row + lane, params.m - 1u));
    return transpose(in_every_lane(values));
  }
  let values = four_of_a(min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(params.m - 1u)) * params.k + min(k + lane, params.k - 1u));
  return in_every_lane(values);
}

// Four values of each lane, in every lane: column q is lane q's.
fn in_every_lane(values: vec4f) -> mat4x4f {
  return mat4x4f(quadBroadcast(values, 0u), quadBroadcast(values, 1u), quadBroadcast(values, 2u), quadBroadcast(values, 3u));
}

// The lane's columns column + lane + 4·(0 … 3) of op(b), at k … k+3; zero past the last k.
fn four_columns(column: u32, k: u32, lane: u32) -> mat4x4f {
  let ks = vec4u(k, k + 1u, k + 2u, k + 3u);
  let inside = vec4f(ks < vec4u(params.k));
  let c0 = inside * one_column(column, k, lane);
  let c1 = inside * one_column(column + 4u, k, lane);
  let c2 = inside * one_column(column + 8u, k, lane);
  let c3 = inside * one_column(column + 12u, k, lane);
  return mat4x4f(c0, c1, c2, c3);
}

// Column column + lane of op(b), at k … k+3.
fn one_column(column: u32, k: u32, lane: u32) -> vec4f {
  if (TRANSPOSE_B == 0u) {
    return four_of_b(min(vec4u(k, k + 1u, k + 2u, k + 3u), vec4u(params.k - 1u)) * params.n + min(column + lane, params.n - 1u));
  }
  // Lanes along k, then a 4×4 transpose across them by two exchanges.
  let values = four_of_b(min(vec4u(column, column + 1u, column + 2u, column + 3u), vec4u(params.n - 1u)) * params.k + min(k + lane, params.k - 1u));
  let x = quadSwapX(values);
  let is_odd = (lane & 1u) == 1u;
  let pairs = select(vec4f(values.x, x.x, values.z, x.z), vec4f(x.y, values.y, x.w, values.w), is_odd);
  let y = quadSwapY(pairs);
  let is_upper = lane >= 2u;
  return select(vec4f(pairs.xy, y.xy), vec4f(y.zw, pairs.zw), is_upper);
}

fn four_of_a(at: vec4u) -> vec4f {
  return vec4f(a[at.x], a[at.y], a[at.z], a[at.w]);
}

fn four_of_b(at: vec4u) -> vec4f {
  return vec4f(b[at.x], b[at.y], b[at.z], b[at.w]);
}
