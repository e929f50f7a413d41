enable subgroups;

// out = act( (old out + op(a)·op(b) + bias) ⊙ act'(gate) )     op transposes or not; see the overrides.
//   a      [m, k], with TRANSPOSE_A [k, m]        b     [k, n], with TRANSPOSE_B [n, k]      all row-major
//   bias   [n], with HAS_BIAS                     gate  [m, n], with GATE: outputs of the activation whose derivative it is
//   out    [m, n]; with ACCUMULATE the product, and the column sums, are added to what is there
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
  // acc<q><c> holds rows 4q … 4q+3 of column c.
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
  // Four values of k at a time, so that an accumulator is fetched and put back once for four products.
  for (var k = 0u; k < params.k; k += 4u) {
    let ks = vec4u(k, k + 1u, k + 2u, k + 3u);
    let inside = vec4f(ks < vec4u(params.k));
    let at = min(ks, vec4u(params.k - 1u)) * a_k;
    let bt = min(ks, vec4u(params.k - 1u)) * b_k;
    let y0 = inside * four_of_b(b0 + bt);
    let y1 = inside * four_of_b(b1 + bt);
    let y2 = inside * four_of_b(b2 + bt);
    let y3 = inside * four_of_b(b3 + bt);
    let y4 = inside * four_of_b(b4 + bt);
    let y5 = inside * four_of_b(b5 + bt);
    let y6 = inside * four_of_b(b6 + bt);
    let y7 = inside * four_of_b(b7 + bt);
    let x0 = four_of_a(a0 + at);
    let r00 = spread(x0.x);
    let r01 = spread(x0.y);
    let r02 = spread(x0.z);
    let r03 = spread(x0.w);
    acc00 += y0.x * r00 + y0.y * r01 + y0.z * r02 + y0.w * r03;
    acc01 += y1.x * r00 + y1.y * r01 + y1.z * r02 + y1.w * r03;
    acc02 += y2.x * r00 + y2.y * r01 + y2.z * r02 + y2.w * r03;
    acc03 += y3.x * r00 + y3.y * r01 + y3.z * r02 + y3.w * r03;
    acc04 += y4.x * r00 + y4.y * r01 + y4.z * r02 + y4.w * r03;
    acc05 += y5.x * r00 + y5.y * r01 + y5.z * r02 + y5.w * r03;
    acc06 += y6.x * r00 + y6.y * r01 + y6.z * r02 + y6.w * r03;
    acc07 += y7.x * r00 + y7.y * r01 + y7.z * r02 + y7.w * r03;
    let x1 = four_of_a(a1 + at);
    let r10 = spread(x1.x);
    let r11 = spread(x1.y);
    let r12 = spread(x1.z);
    let r13 = spread(x1.w);
    acc10 += y0.x * r10 + y0.y * r11 + y0.z * r12 + y0.w * r13;
    acc11 += y1.x * r10 + y1.y * r11 + y1.z * r12 + y1.w * r13;
    acc12 += y2.x * r10 + y2.y * r11 + y2.z * r12 + y2.w * r13;
    acc13 += y3.x * r10 + y3.y * r11 + y3.z * r12 + y3.w * r13;
    acc14 += y4.x * r10 + y4.y * r11 + y4.z * r12 + y4.w * r13;
    acc15 += y5.x * r10 + y5.y * r11 + y5.z * r12 + y5.w * r13;
    acc16 += y6.x * r10 + y6.y * r11 + y6.z * r12 + y6.w * r13;
    acc17 += y7.x * r10 + y7.y * r11 + y7.z * r12 + y7.w * r13;
    let x2 = four_of_a(a2 + at);
    let r20 = spread(x2.x);
    let r21 = spread(x2.y);
    let r22 = spread(x2.z);
    let r23 = spread(x2.w);
    acc20 += y0.x * r20 + y0.y * r21 + y0.z * r22 + y0.w * r23;
    acc21 += y1.x * r20 + y1.y * r21 + y1.z * r22 + y1.w * r23;
    acc22 += y2.x * r20 + y2.y * r21 + y2.z * r22 + y2.w * r23;
    acc23 += y3.x * r20 + y3.y * r21 + y3.z * r22 + y3.w * r23;
    acc24 += y4.x * r20 + y4.y * r21 + y4.z * r22 + y4.w * r23;
    acc25 += y5.x * r20 + y5.y * r21 + y5.z * r22 + y5.w * r23;
    acc26 += y6.x * r20 + y6.y * r21 + y6.z * r22 + y6.w * r23;
    acc27 += y7.x * r20 + y7.y * r21 + y7.z * r22 + y7.w * r23;
    let x3 = four_of_a(a3 + at);
    let r30 = spread(x3.x);
    let r31 = spread(x3.y);
    let r32 = spread(x3.z);
    let r33 = spread(x3.w);
    acc30 += y0.x * r30 + y0.y * r31 + y0.z * r32 + y0.w * r33;
    acc31 += y1.x * r30 + y1.y * r31 + y1.z * r32 + y1.w * r33;
    acc32 += y2.x * r30 + y2.y * r31 + y2.z * r32 + y2.w * r33;
    acc33 += y3.x * r30 + y3.y * r31 + y3.z * r32 + y3.w * r33;
    acc34 += y4.x * r30 + y4.y * r31 + y4.z * r32 + y4.w * r33;
    acc35 += y5.x * r30 + y5.y * r31 + y5.z * r32 + y5.w * r33;
    acc36 += y6.x * r30 + y6.y * r31 + y6.z * r32 + y6.w * r33;
    acc37 += y7.x * r30 + y7.y * r31 + y7.z * r32 + y7.w * r33;
    if (COLUMN_SUMS == 1u) {
      sum0 += y0.x + y0.y + y0.z + y0.w;
      sum1 += y1.x + y1.y + y1.z + y1.w;
      sum2 += y2.x + y2.y + y2.z + y2.w;
      sum3 += y3.x + y3.y + y3.z + y3.w;
      sum4 += y4.x + y4.y + y4.z + y4.w;
      sum5 += y5.x + y5.y + y5.z + y5.w;
      sum6 += y6.x + y6.y + y6.z + y6.w;
      sum7 += y7.x + y7.y + y7.z + y7.w;
    }
  }
  let tile = array<vec4f, 32>(
    acc00, acc01, acc02, acc03, acc04, acc05, acc06, acc07,
    acc10, acc11, acc12, acc13, acc14, acc15, acc16, acc17,
    acc20, acc21, acc22, acc23, acc24, acc25, acc26, acc27,
    acc30, acc31, acc32, acc33, acc34, acc35, acc36, acc37,
  );
  for (var i = 0u; i < 32u; i++) {
    for (var r = 0u; r < 4u; r++) {
      store_one(row + (i / 8u) * 4u + r, column + i % 8u, tile[i][r]);
    }
  }
  if (COLUMN_SUMS == 1u && row == 0u) {
    store_sums(column + 0u, vec4f(sum0, sum1, sum2, sum3));
    store_sums(column + 4u, vec4f(sum4, sum5, sum6, sum7));
  }
}

// Values of a and b at four places.
fn four_of_a(at: vec4u) -> vec4f {
  return vec4f(a[at.x], a[at.y], a[at.z], a[at.w]);
}

fn four_of_b(at: vec4u) -> vec4f {
  return vec4f(b[at.x], b[at.y], b[at.z], b[at.w]);
}

// The values of the four lanes, in every lane.
fn spread(x: f32) -> vec4f {
  return vec4f(subgroupBroadcast(x, 0u), subgroupBroadcast(x, 1u), subgroupBroadcast(x, 2u), subgroupBroadcast(x, 3u));
}
