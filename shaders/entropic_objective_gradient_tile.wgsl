// Gradient of the entropic objective with respect to the generated samples, directly through the cost:
//   out_j = s/(nm)·Σ_i p_ij·∂l(y_i, ŷ_j)/∂ŷ_j        ∂l/∂ŷ: sign(ŷ − y), 0 at ties (l1); 2(ŷ − y); ŷ − y; −100·y (cosine,
//   of rows of length 1)
//   real  [n, d]   fake  [m, d]   critic_real  [n]   critic_fake  [m]
//   scalars  [16] of entropic_objective_finish: p = factor·exp(u − shift), or factor·u (hinge), and s = sign·scale
//   out  [parts, m, d]: part s sums over `each` rows of real from s·each on. A dispatch takes `span` of these from the
//   first_row-th on; with first_row > 0 they are added to what is there
// The variant for GPUs. One workgroup: TILE generated samples against the rows of a part, TILE at a time. p of the tile's pairs,
// from the costs of lib/pair_tile, goes into workgroup memory; then each invocation adds the tile's terms to 4 values of d of
// 8 samples at a time, which it keeps in registers: 64 operations for two loads of four p and four loads of real.
// Numeric strategy: differences are summed directly, weighted; nothing cancels. Grid: ⌈m/TILE⌉ × parts workgroups.
// Bytes: 4·n·m·d·(2/TILE + 1/8) through caches. Flops: 3·n·m·d for p and 3·n·m·d for the sum.
// Source: ∂J/∂ŷ of Balaji et al., ICML 2019, recomputed tile by tile as in FlashAttention's backward pass.
// lib: entropic_pair entropic_slope pair_tile

struct Params {
  n: u32,
  m: u32,
  d: u32,
  each: u32, // rows of a part, a multiple of TILE
  first_row: u32, // of a part's rows, those that the dispatch takes; a multiple of TILE
  span: u32,
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

const TILE: u32 = 16u; // specialised: 32 or 64 where there are enough samples for it
const INVOCATIONS: u32 = 256u; // specialised: 64 of the largest tile
const STEP: u32 = 64u; // specialised: values of d in a half of workgroup memory
const MEMORY: u32 = 1024u; // p of the largest tile

const SHIFT_AT: u32 = 11u;
const FACTOR_AT: u32 = 12u;
const GRADIENT_SCALE_AT: u32 = 13u;

@compute @workgroup_size(INVOCATIONS)
fn entropic_objective_gradient_tile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let column = group.x * TILE;
  let first_row = group.y * params.each + params.first_row;
  let end_row = min(first_row + params.span, params.n);
  let is_first = params.first_row == 0u;
  // Neighbours take neighbouring values of d, `stride` of them at a time.
  let stride = INVOCATIONS / LANES;
  for (var row = first_row; row < end_row; row += TILE) {
    put_density(index, row, column);
    workgroupBarrier();
    for (var k = index % stride; k < params.d; k += 4u * stride) {
      add_rows(row, column + index / stride, index / stride, k, stride, group.y, is_first && row == first_row);
    }
    workgroupBarrier(); // the tile is used up
  }
}

// p of the tile's pairs, vector v of row r at r·FOURS + v; 0 past the edges.
fn put_density(index: u32, row: u32, column: u32) {
  let costs = tile_costs(index, row, column);
  if (index >= CARRIERS) {
    return;
  }
  let lane_row = index % PLACES / LANES;
  let lane_column = index % LANES;
  let first = select(index / PLACES, 0u, PARTS == 1u);
  for (var t = 0u; t < OWN; t++) {
    let r = lane_row + (first + t) / 2u * LANES;
    let v = lane_column + (first + t) % 2u * LANES;
    let critic = critic_real[min(row + r, params.n - 1u)];
    let u = exponents(critic, four_critics(column + v), costs[t]);
    let p = scalars[FACTOR_AT] * weights(u, scalars[SHIFT_AT]);
    memory[r * FOURS + v] = select(vec4f(), p, four_exist(row + r, column + v));
  }
}

// Adds the tile's rows to values k, k + stride, … (four of them) of samples j, j + LANES, … (eight of them).
fn add_rows(row: u32, j: u32, lane: u32, k: u32, stride: u32, part: u32, is_first: bool) {
  let ks = min(vec4u(k, k + stride, k + 2u * stride, k + 3u * stride), vec4u(params.d - 1u));
  let g0 = values_of_fake(j, ks);
  let g1 = values_of_fake(j + LANES, ks);
  let g2 = values_of_fake(j + 2u * LANES, ks);
  let g3 = values_of_fake(j + 3u * LANES, ks);
  let g4 = values_of_fake(j + 4u * LANES, ks);
  let g5 = values_of_fake(j + 5u * LANES, ks);
  let g6 = values_of_fake(j + 6u * LANES, ks);
  let g7 = values_of_fake(j + 7u * LANES, ks);
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  var sum4 = vec4f();
  var sum5 = vec4f();
  var sum6 = vec4f();
  var sum7 = vec4f();
  var next = four_rows(row, ks);
  for (var r = 0u; r < TILE; r += 4u) {
    let ys = next;
    if (r + 4u < TILE) {
      next = four_rows(row + r + 4u, ks);
    }
    for (var i = 0u; i < 4u; i++) {
      let y = ys[i];
      let even = memory[(r + i) * FOURS + lane];
      let odd = memory[(r + i) * FOURS + lane + LANES];
      sum0 += even.x * slope(g0, y);
      sum1 += odd.x * slope(g1, y);
      sum2 += even.y * slope(g2, y);
      sum3 += odd.y * slope(g3, y);
      sum4 += even.z * slope(g4, y);
      sum5 += odd.z * slope(g5, y);
      sum6 += even.w * slope(g6, y);
      sum7 += odd.w * slope(g7, y);
    }
  }
  let sums = array<vec4f, 8>(sum0, sum1, sum2, sum3, sum4, sum5, sum6, sum7);
  let scale = scalars[GRADIENT_SCALE_AT] / (f32(params.n) * f32(params.m));
  for (var i = 0u; i < 8u && j + i * LANES < params.m; i++) {
    let begin = (part * params.m + j + i * LANES) * params.d;
    for (var q = 0u; q < 4u && k + q * stride < params.d; q++) {
      let at = begin + k + q * stride;
      out[at] = select(out[at], 0.0, is_first) + scale * sums[i][q];
    }
  }
}

// Rows of real at four values of d, four rows from this one on, which are fetched ahead of their use.
fn four_rows(row: u32, ks: vec4u) -> array<vec4f, 4> {
  return array<vec4f, 4>(
    values_of_real(row, ks),
    values_of_real(row + 1u, ks),
    values_of_real(row + 2u, ks),
    values_of_real(row + 3u, ks),
  );
}

fn values_of_real(i: u32, ks: vec4u) -> vec4f {
  let at = vec4u(min(i, params.n - 1u) * params.d) + ks;
  return vec4f(real[at.x], real[at.y], real[at.z], real[at.w]);
}

fn values_of_fake(j: u32, ks: vec4u) -> vec4f {
  let at = vec4u(min(j, params.m - 1u) * params.d) + ks;
  return vec4f(fake[at.x], fake[at.y], fake[at.z], fake[at.w]);
}
