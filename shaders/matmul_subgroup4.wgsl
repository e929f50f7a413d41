enable subgroups;

// out = act( (old out + op(a)·op(b) + bias) ⊙ act'(gate) )     op transposes or not; see the overrides.
//   a      [m, k], with TRANSPOSE_A [k, m]        b     [k, n], with TRANSPOSE_B [n, k]      all row-major
//   bias   [n], with HAS_BIAS                     gate  [m, n], with GATE: outputs of the activation whose derivative it is
//   out    [m, n]; with ACCUMULATE the product is added to what is there
//   column_sums [n], with COLUMN_SUMS: Σ_k op(b)[k, n], the bias gradient of a dense layer
// The variant for subgroups of exactly four lanes (CPU adapters). The lanes of a subgroup share 16 rows of out and have
// 8 columns each, in registers: a lane loads 4 of the 16 values of a and gets the others by broadcast, a register
// shuffle, so that 4 + 8 loads serve 128 multiply-adds; loads are what costs there. One workgroup: one such tile of
// 16 × 32. Numeric strategy: float32, summed over k in order. Grid: ⌈m/16⌉·⌈n/32⌉ workgroups.
// Bytes: 4·m·n·k·(1/32 + 1/16) read, 4·m·n written. Flops: 2·m·n·k.
// lib: activation matmul_epilogue

struct Params {
  m: u32,
  n: u32,
  k: u32,
  activation_slope: f32,
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
override ACTIVATION: u32 = 0u; // numbers of lib/activation.wgsl
override ACCUMULATE: u32 = 0u;
override GATE: u32 = 0u;
override COLUMN_SUMS: u32 = 0u;

@compute @workgroup_size(4)
fn matmul_subgroup4(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tiles_across = (params.n + 31u) / 32u;
  let column = (group.x % tiles_across) * 32u + lane * 8u;
  let row = (group.x / tiles_across) * 16u;
  // Strides of op(a) along m and k, of op(b) along k and n; rows and columns past the edge repeat the last one.
  let a_m = select(params.k, 1u, TRANSPOSE_A == 1u);
  let a_k = select(1u, params.m, TRANSPOSE_A == 1u);
  let b_k = select(params.n, 1u, TRANSPOSE_B == 1u);
  let b_n = select(1u, params.k, TRANSPOSE_B == 1u);
  let a0 = min(row + 0u + lane, params.m - 1u) * a_m;
  let a1 = min(row + 4u + lane, params.m - 1u) * a_m;
  let a2 = min(row + 8u + lane, params.m - 1u) * a_m;
  let a3 = min(row + 12u + lane, params.m - 1u) * a_m;
  let b0 = min(column + 0u, params.n - 1u) * b_n;
  let b1 = min(column + 1u, params.n - 1u) * b_n;
  let b2 = min(column + 2u, params.n - 1u) * b_n;
  let b3 = min(column + 3u, params.n - 1u) * b_n;
  let b4 = min(column + 4u, params.n - 1u) * b_n;
  let b5 = min(column + 5u, params.n - 1u) * b_n;
  let b6 = min(column + 6u, params.n - 1u) * b_n;
  let b7 = min(column + 7u, params.n - 1u) * b_n;
  // Accumulators: acc<q><c> holds rows 4q … 4q+3 of column c.
  var acc00 = vec4f();
  var acc01 = vec4f();
  var acc02 = vec4f();
  var acc03 = vec4f();
  var acc04 = vec4f();
  var acc05 = vec4f();
  var acc06 = vec4f();
  var acc07 = vec4f();
  var acc10 = vec4f();
  var acc11 = vec4f();
  var acc12 = vec4f();
  var acc13 = vec4f();
  var acc14 = vec4f();
  var acc15 = vec4f();
  var acc16 = vec4f();
  var acc17 = vec4f();
  var acc20 = vec4f();
  var acc21 = vec4f();
  var acc22 = vec4f();
  var acc23 = vec4f();
  var acc24 = vec4f();
  var acc25 = vec4f();
  var acc26 = vec4f();
  var acc27 = vec4f();
  var acc30 = vec4f();
  var acc31 = vec4f();
  var acc32 = vec4f();
  var acc33 = vec4f();
  var acc34 = vec4f();
  var acc35 = vec4f();
  var acc36 = vec4f();
  var acc37 = vec4f();
  var sum0 = 0.0;
  var sum1 = 0.0;
  var sum2 = 0.0;
  var sum3 = 0.0;
  var sum4 = 0.0;
  var sum5 = 0.0;
  var sum6 = 0.0;
  var sum7 = 0.0;
  for (var k = 0u; k < params.k; k++) {
    let at = k * a_k;
    let bt = k * b_k;
    let rows0 = spread(a[a0 + at]);
    let rows1 = spread(a[a1 + at]);
    let rows2 = spread(a[a2 + at]);
    let rows3 = spread(a[a3 + at]);
    let y0 = b[b0 + bt];
    acc00 += y0 * rows0;
    acc10 += y0 * rows1;
    acc20 += y0 * rows2;
    acc30 += y0 * rows3;
    let y1 = b[b1 + bt];
    acc01 += y1 * rows0;
    acc11 += y1 * rows1;
    acc21 += y1 * rows2;
    acc31 += y1 * rows3;
    let y2 = b[b2 + bt];
    acc02 += y2 * rows0;
    acc12 += y2 * rows1;
    acc22 += y2 * rows2;
    acc32 += y2 * rows3;
    let y3 = b[b3 + bt];
    acc03 += y3 * rows0;
    acc13 += y3 * rows1;
    acc23 += y3 * rows2;
    acc33 += y3 * rows3;
    let y4 = b[b4 + bt];
    acc04 += y4 * rows0;
    acc14 += y4 * rows1;
    acc24 += y4 * rows2;
    acc34 += y4 * rows3;
    let y5 = b[b5 + bt];
    acc05 += y5 * rows0;
    acc15 += y5 * rows1;
    acc25 += y5 * rows2;
    acc35 += y5 * rows3;
    let y6 = b[b6 + bt];
    acc06 += y6 * rows0;
    acc16 += y6 * rows1;
    acc26 += y6 * rows2;
    acc36 += y6 * rows3;
    let y7 = b[b7 + bt];
    acc07 += y7 * rows0;
    acc17 += y7 * rows1;
    acc27 += y7 * rows2;
    acc37 += y7 * rows3;
    if (COLUMN_SUMS == 1u) {
      sum0 += y0;
      sum1 += y1;
      sum2 += y2;
      sum3 += y3;
      sum4 += y4;
      sum5 += y5;
      sum6 += y6;
      sum7 += y7;
    }
  }
  store_four(row + 0u, column + 0u, vec4f(acc00.x, acc01.x, acc02.x, acc03.x));
  store_four(row + 1u, column + 0u, vec4f(acc00.y, acc01.y, acc02.y, acc03.y));
  store_four(row + 2u, column + 0u, vec4f(acc00.z, acc01.z, acc02.z, acc03.z));
  store_four(row + 3u, column + 0u, vec4f(acc00.w, acc01.w, acc02.w, acc03.w));
  store_four(row + 0u, column + 4u, vec4f(acc04.x, acc05.x, acc06.x, acc07.x));
  store_four(row + 1u, column + 4u, vec4f(acc04.y, acc05.y, acc06.y, acc07.y));
  store_four(row + 2u, column + 4u, vec4f(acc04.z, acc05.z, acc06.z, acc07.z));
  store_four(row + 3u, column + 4u, vec4f(acc04.w, acc05.w, acc06.w, acc07.w));
  store_four(row + 4u, column + 0u, vec4f(acc10.x, acc11.x, acc12.x, acc13.x));
  store_four(row + 5u, column + 0u, vec4f(acc10.y, acc11.y, acc12.y, acc13.y));
  store_four(row + 6u, column + 0u, vec4f(acc10.z, acc11.z, acc12.z, acc13.z));
  store_four(row + 7u, column + 0u, vec4f(acc10.w, acc11.w, acc12.w, acc13.w));
  store_four(row + 4u, column + 4u, vec4f(acc14.x, acc15.x, acc16.x, acc17.x));
  store_four(row + 5u, column + 4u, vec4f(acc14.y, acc15.y, acc16.y, acc17.y));
  store_four(row + 6u, column + 4u, vec4f(acc14.z, acc15.z, acc16.z, acc17.z));
  store_four(row + 7u, column + 4u, vec4f(acc14.w, acc15.w, acc16.w, acc17.w));
  store_four(row + 8u, column + 0u, vec4f(acc20.x, acc21.x, acc22.x, acc23.x));
  store_four(row + 9u, column + 0u, vec4f(acc20.y, acc21.y, acc22.y, acc23.y));
  store_four(row + 10u, column + 0u, vec4f(acc20.z, acc21.z, acc22.z, acc23.z));
  store_four(row + 11u, column + 0u, vec4f(acc20.w, acc21.w, acc22.w, acc23.w));
  store_four(row + 8u, column + 4u, vec4f(acc24.x, acc25.x, acc26.x, acc27.x));
  store_four(row + 9u, column + 4u, vec4f(acc24.y, acc25.y, acc26.y, acc27.y));
  store_four(row + 10u, column + 4u, vec4f(acc24.z, acc25.z, acc26.z, acc27.z));
  store_four(row + 11u, column + 4u, vec4f(acc24.w, acc25.w, acc26.w, acc27.w));
  store_four(row + 12u, column + 0u, vec4f(acc30.x, acc31.x, acc32.x, acc33.x));
  store_four(row + 13u, column + 0u, vec4f(acc30.y, acc31.y, acc32.y, acc33.y));
  store_four(row + 14u, column + 0u, vec4f(acc30.z, acc31.z, acc32.z, acc33.z));
  store_four(row + 15u, column + 0u, vec4f(acc30.w, acc31.w, acc32.w, acc33.w));
  store_four(row + 12u, column + 4u, vec4f(acc34.x, acc35.x, acc36.x, acc37.x));
  store_four(row + 13u, column + 4u, vec4f(acc34.y, acc35.y, acc36.y, acc37.y));
  store_four(row + 14u, column + 4u, vec4f(acc34.z, acc35.z, acc36.z, acc37.z));
  store_four(row + 15u, column + 4u, vec4f(acc34.w, acc35.w, acc36.w, acc37.w));
  if (COLUMN_SUMS == 1u && row == 0u) {
    store_sums(column + 0u, vec4f(sum0, sum1, sum2, sum3));
    store_sums(column + 4u, vec4f(sum4, sum5, sum6, sum7));
  }
}

// The values of the four lanes, in every lane.
fn spread(x: f32) -> vec4f {
  return vec4f(subgroupBroadcast(x, 0u), subgroupBroadcast(x, 1u), subgroupBroadcast(x, 2u), subgroupBroadcast(x, 3u));
}
