// Gradient of the entropic objective with respect to the generated samples, directly through the cost:
//   out_j = s/(nm)·Σ_i p_ij·∂l(y_i, ŷ_j)/∂ŷ_j        ∂l/∂ŷ: sign(ŷ − y), 0 at ties (l1); 2(ŷ − y); ŷ − y; −100·y (cosine,
//   of rows of length 1)
//   real  [n, d]   fake, out  [m, d]   critic_real  [n]   critic_fake  [m]
//   scalars  [16] of entropic_objective_finish: p = factor·exp(u − shift), or factor·u (hinge), and s = sign·scale
// One workgroup: 16 generated samples against all of real, 64 at a time. Each of its 64 invocations first recomputes p for
// 4 × 4 pairs into workgroup memory; then each adds the 64 terms to 4 values of d of 8 samples at a time.
// Numeric strategy: differences are summed directly, weighted; nothing cancels. Bytes: 4·n·m·d·(3/16 + 1/4) through caches.
// Flops: 3·n·m·d for p and 3·n·m·d for the sum.
// Source: ∂J/∂ŷ of Balaji et al., ICML 2019, recomputed tile by tile as in FlashAttention's backward pass.
// lib: entropic_pair entropic_slope finite pair_costs

struct Params {
  n: u32,
  m: u32,
  d: u32,
  first_group: u32,
  lambda: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> real: array<f32>;
@group(0) @binding(2) var<storage, read> fake: array<f32>;
@group(0) @binding(3) var<storage, read> critic_real: array<f32>;
@group(0) @binding(4) var<storage, read> critic_fake: array<f32>;
@group(0) @binding(5) var<storage, read> scalars: array<f32>;
@group(0) @binding(6) var<storage, read_write> out: array<f32>;

override COST: u32 = 0u;
override FORM: u32 = 0u;

const ROWS: u32 = 64u;
const COLUMNS: u32 = 16u;
const SHIFT_AT: u32 = 11u;
const FACTOR_AT: u32 = 12u;
const GRADIENT_SCALE_AT: u32 = 13u;

var<workgroup> density: array<f32, 1024>; // [row of the tile][column]

@compute @workgroup_size(64)
fn entropic_objective_gradient(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = (params.first_group + group.x) * COLUMNS;
  // An invocation's four values of d are a quarter of d apart, so that neighbours load neighbours.
  let quarter = (params.d + 3u) / 4u;
  for (var row = 0u; row < params.n; row += ROWS) {
    put_density(lane, row, column);
    workgroupBarrier();
    for (var task = lane; task < 2u * quarter; task += 64u) {
      add_rows(row, column, (task / quarter) * 8u, task % quarter, quarter);
    }
    workgroupBarrier(); // the tile is used up
  }
}

// p of 4 rows × 4 columns; 0 past the edges.
fn put_density(lane: u32, row: u32, column: u32) {
  let r = (lane / 4u) * 4u;
  let c = (lane % 4u) * 4u;
  let sums = pair_costs(row + r, column + c);
  for (var i = 0u; i < 4u; i++) {
    for (var j = 0u; j < 4u; j++) {
      density[(r + i) * COLUMNS + c + j] = one_density(row + r + i, column + c + j, sums[i][j]);
    }
  }
}

fn one_density(row: u32, column: u32, sum: f32) -> f32 {
  if (row >= params.n || column >= params.m) {
    return 0.0;
  }
  let u = exponent(critic_real[row], critic_fake[column], scaled_cost(sum));
  return scalars[FACTOR_AT] * weight(u, scalars[SHIFT_AT]);
}

// Adds the tile's rows to values k, k + stride, … (four of them) of samples `column + c …` (eight of them).
fn add_rows(row: u32, column: u32, c: u32, k: u32, stride: u32) {
  let k0 = k;
  let k1 = min(k + stride, params.d - 1u);
  let k2 = min(k + 2u * stride, params.d - 1u);
  let k3 = min(k + 3u * stride, params.d - 1u);
  let g0 = fake_four(column + c, k0, k1, k2, k3);
  let g1 = fake_four(column + c + 1u, k0, k1, k2, k3);
  let g2 = fake_four(column + c + 2u, k0, k1, k2, k3);
  let g3 = fake_four(column + c + 3u, k0, k1, k2, k3);
  let g4 = fake_four(column + c + 4u, k0, k1, k2, k3);
  let g5 = fake_four(column + c + 5u, k0, k1, k2, k3);
  let g6 = fake_four(column + c + 6u, k0, k1, k2, k3);
  let g7 = fake_four(column + c + 7u, k0, k1, k2, k3);
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  var sum4 = vec4f();
  var sum5 = vec4f();
  var sum6 = vec4f();
  var sum7 = vec4f();
  let count = min(ROWS, params.n - row);
  for (var r = 0u; r < count; r++) {
    let at = (row + r) * params.d;
    let y = vec4f(real[at + k0], real[at + k1], real[at + k2], real[at + k3]);
    let p = r * COLUMNS + c;
    sum0 += density[p] * slope(g0, y);
    sum1 += density[p + 1u] * slope(g1, y);
    sum2 += density[p + 2u] * slope(g2, y);
    sum3 += density[p + 3u] * slope(g3, y);
    sum4 += density[p + 4u] * slope(g4, y);
    sum5 += density[p + 5u] * slope(g5, y);
    sum6 += density[p + 6u] * slope(g6, y);
    sum7 += density[p + 7u] * slope(g7, y);
  }
  let sums = array<vec4f, 8>(sum0, sum1, sum2, sum3, sum4, sum5, sum6, sum7);
  for (var i = 0u; i < 8u; i++) {
    store(column + c + i, k, stride, sums[i], row == 0u);
  }
}

fn fake_four(j: u32, k0: u32, k1: u32, k2: u32, k3: u32) -> vec4f {
  let at = min(j, params.m - 1u) * params.d;
  return vec4f(fake[at + k0], fake[at + k1], fake[at + k2], fake[at + k3]);
}

fn store(j: u32, k: u32, stride: u32, sum: vec4f, is_first: bool) {
  if (j >= params.m) {
    return;
  }
  let scale = scalars[GRADIENT_SCALE_AT] / (f32(params.n) * f32(params.m));
  for (var i = 0u; i < 4u && k + i * stride < params.d; i++) {
    let at = j * params.d + k + i * stride;
    out[at] = select(out[at], 0.0, is_first) + scale * sum[i];
  }
}
