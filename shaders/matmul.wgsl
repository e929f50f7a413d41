// out = act( (old out + op(a)·op(b) + bias) ⊙ act'(gate) )     op transposes or not; see the overrides.
//   a      [m, k], with TRANSPOSE_A [k, m]        b     [k, n], with TRANSPOSE_B [n, k]      all row-major
//   bias   [n], with HAS_BIAS                     gate  [m, n], with GATE: outputs of the activation whose derivative it is
//   out    [m, n]; with ACCUMULATE the product, and the column sums, are added to what is there
//   column_sums [n], with COLUMN_SUMS: Σ_k op(b)[k, n], the bias gradient of a dense layer
// The variant without barriers or subgroups: each invocation has 8 rows × 8 columns of out in registers and reads a and
// b straight from memory, 16 loads for 64 multiply-adds. One workgroup: 16 such tiles, side by side along n, then m.
// Numeric strategy: float32, summed over k in order. Grid: ⌈⌈m/8⌉·⌈n/8⌉ / 16⌉ workgroups.
// Bytes: 4·m·n·k·(1/8 + 1/8) read, 4·m·n written. Flops: 2·m·n·k.
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

@compute @workgroup_size(16)
fn matmul(@builtin(global_invocation_id) id: vec3u) {
  let tiles_across = (params.n + 7u) / 8u;
  let column = (id.x % tiles_across) * 8u;
  let row = (id.x / tiles_across) * 8u;
  if (row >= params.m) {
    return;
  }
  // Strides of op(a) along m and k, of op(b) along k and n; rows and columns past the edge repeat the last one.
  let a_m = select(params.k, 1u, TRANSPOSE_A == 1u);
  let a_k = select(1u, params.m, TRANSPOSE_A == 1u);
  let b_k = select(params.n, 1u, TRANSPOSE_B == 1u);
  let b_n = select(1u, params.k, TRANSPOSE_B == 1u);
  let a0 = min(row + 0u, params.m - 1u) * a_m;
  let a1 = min(row + 1u, params.m - 1u) * a_m;
  let a2 = min(row + 2u, params.m - 1u) * a_m;
  let a3 = min(row + 3u, params.m - 1u) * a_m;
  let a4 = min(row + 4u, params.m - 1u) * a_m;
  let a5 = min(row + 5u, params.m - 1u) * a_m;
  let a6 = min(row + 6u, params.m - 1u) * a_m;
  let a7 = min(row + 7u, params.m - 1u) * a_m;
  let b0 = min(column + 0u, params.n - 1u) * b_n;
  let b1 = min(column + 1u, params.n - 1u) * b_n;
  let b2 = min(column + 2u, params.n - 1u) * b_n;
  let b3 = min(column + 3u, params.n - 1u) * b_n;
  let b4 = min(column + 4u, params.n - 1u) * b_n;
  let b5 = min(column + 5u, params.n - 1u) * b_n;
  let b6 = min(column + 6u, params.n - 1u) * b_n;
  let b7 = min(column + 7u, params.n - 1u) * b_n;
  var left0 = vec4f();
  var right0 = vec4f();
  var left1 = vec4f();
  var right1 = vec4f();
  var left2 = vec4f();
  var right2 = vec4f();
  var left3 = vec4f();
  var right3 = vec4f();
  var left4 = vec4f();
  var right4 = vec4f();
  var left5 = vec4f();
  var right5 = vec4f();
  var left6 = vec4f();
  var right6 = vec4f();
  var left7 = vec4f();
  var right7 = vec4f();
  var sum_left = vec4f();
  var sum_right = vec4f();
  for (var k = 0u; k < params.k; k++) {
    let at = k * a_k;
    let bt = k * b_k;
    let left = vec4f(b[b0 + bt], b[b1 + bt], b[b2 + bt], b[b3 + bt]);
    let right = vec4f(b[b4 + bt], b[b5 + bt], b[b6 + bt], b[b7 + bt]);
    let x0 = a[a0 + at];
    let x1 = a[a1 + at];
    let x2 = a[a2 + at];
    let x3 = a[a3 + at];
    let x4 = a[a4 + at];
    let x5 = a[a5 + at];
    let x6 = a[a6 + at];
    let x7 = a[a7 + at];
    left0 += x0 * left;
    right0 += x0 * right;
    left1 += x1 * left;
    right1 += x1 * right;
    left2 += x2 * left;
    right2 += x2 * right;
    left3 += x3 * left;
    right3 += x3 * right;
    left4 += x4 * left;
    right4 += x4 * right;
    left5 += x5 * left;
    right5 += x5 * right;
    left6 += x6 * left;
    right6 += x6 * right;
    left7 += x7 * left;
    right7 += x7 * right;
    if (COLUMN_SUMS == 1u) {
      sum_left += left;
      sum_right += right;
    }
  }
  let tile = array<vec4f, 16>(
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
    store_four(row + i / 2u, column + (i % 2u) * 4u, tile[i]);
  }
  for (var rest = is_curved(params.activation); rest; rest = false) {
    for (var i = 0u; i < 64u; i++) {
      curve_one(row + i / 8u, column + i % 8u);
    }
  }
  if (COLUMN_SUMS == 1u && row == 0u) {
    for (var c = 0u; c < 4u; c++) {
      store_sum(column + c, sum_left[c]);
      store_sum(column + 4u + c, sum_right[c]);
    }
  }
}
