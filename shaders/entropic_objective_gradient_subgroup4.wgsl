enable subgroups;

// Gradient of the entropic objective with respect to the generated samples, directly through the cost:
//   out_j = s/(nm)·Σ_i p_ij·∂l(y_i, ŷ_j)/∂ŷ_j        ∂l/∂ŷ: sign(ŷ − y), 0 at ties (l1); 2(ŷ − y); ŷ − y; −100·y (cosine,
//   of rows of length 1)
//   real  [n, d]   fake, out  [m, d]   critic_real  [n]   critic_fake  [m]
//   scalars  [16] of entropic_objective_finish: p = factor·exp(u − shift), or factor·u (hinge), and s = sign·scale
// The variant for subgroups of exactly four lanes (CPU adapters). One workgroup is one subgroup and has 16 generated samples
// against all of real, 32 at a time: first p of the 32 × 16 pairs in its registers (lib/quad_costs), then the 32 terms of four
// values of d of every sample, which are added to what is there.
// Numeric strategy: differences are summed directly, weighted; nothing cancels. Bytes: n·m·d through caches.
// Flops: 3·n·m·d for p and 3·n·m·d for the sum.
// Source: ∂J/∂ŷ of Balaji et al., ICML 2019, recomputed tile by tile as in FlashAttention's backward pass.
// lib: entropic_pair finite quad_costs

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

const SHIFT_AT: u32 = 11u;
const FACTOR_AT: u32 = 12u;
const GRADIENT_SCALE_AT: u32 = 13u;

@compute @workgroup_size(4)
fn entropic_objective_gradient_subgroup4(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = (params.first_group + group.x) * 16u + lane;
  let columns = quad_columns(column) * params.d;
  let critics = critics_of(quad_columns(column));
  let inside = scalars[FACTOR_AT] * inside_columns(column);
  let shift = scalars[SHIFT_AT];
  for (var row = 0u; row < params.n; row += 32u) {
    let rows = first_rows(row);
    let costs = quad_costs(row, column, lane);
    let p0 = densities(costs.q0, row, lane, critics, inside, shift);
    let p1 = densities(costs.q1, row + 4u, lane, critics, inside, shift);
    let p2 = densities(costs.q2, row + 8u, lane, critics, inside, shift);
    let p3 = densities(costs.q3, row + 12u, lane, critics, inside, shift);
    let p4 = densities(costs.q4, row + 16u, lane, critics, inside, shift);
    let p5 = densities(costs.q5, row + 20u, lane, critics, inside, shift);
    let p6 = densities(costs.q6, row + 24u, lane, critics, inside, shift);
    let p7 = densities(costs.q7, row + 28u, lane, critics, inside, shift);
    for (var k = 0u; k < params.d; k += 4u) {
      let place = place_of(k, lane);
      let fakes = fake_quad(columns, place);
      let s0 = slopes(fakes, real_quad(rows[0], place), p0);
      let s1 = s0 + slopes(fakes, real_quad(rows[1], place), p1);
      let s2 = s1 + slopes(fakes, real_quad(rows[2], place), p2);
      let s3 = s2 + slopes(fakes, real_quad(rows[3], place), p3);
      let s4 = s3 + slopes(fakes, real_quad(rows[4], place), p4);
      let s5 = s4 + slopes(fakes, real_quad(rows[5], place), p5);
      let s6 = s5 + slopes(fakes, real_quad(rows[6], place), p6);
      let s7 = s6 + slopes(fakes, real_quad(rows[7], place), p7);
      store(column, k, s7, row == 0u);
    }
  }
}

// p of four rows and the lane's columns, 0 past the edges.
fn densities(costs: mat4x4f, row: u32, lane: u32, critics: vec4f, of_columns: vec4f, shift: f32) -> mat4x4f {
  let of_rows = inside_rows(row);
  let w = weights(clipped(raw_exponents(real_critics(row, lane), critics, costs)), shift);
  return mat4x4f(
    of_rows * of_columns[0] * w[0],
    of_rows * of_columns[1] * w[1],
    of_rows * of_columns[2] * w[2],
    of_rows * of_columns[3] * w[3],
  );
}

// Σ over four rows of p·∂l/∂ŷ, but for a factor; a column of fake in each column.
fn slopes(fake_values: mat4x4f, real_values: mat4x4f, p: mat4x4f) -> mat4x4f {
  return mat4x4f(
    slopes_of(fake_values[0], real_values, p[0]),
    slopes_of(fake_values[1], real_values, p[1]),
    slopes_of(fake_values[2], real_values, p[2]),
    slopes_of(fake_values[3], real_values, p[3]),
  );
}

fn slopes_of(fake_values: vec4f, real_values: mat4x4f, p: vec4f) -> vec4f {
  if (COST == 3u) {
    return real_values * p;
  }
  let a = fake_values - real_values[0];
  let b = fake_values - real_values[1];
  let c = fake_values - real_values[2];
  let d = fake_values - real_values[3];
  if (COST == 0u) {
    return mat4x4f(sign(a), sign(b), sign(c), sign(d)) * p;
  }
  return mat4x4f(a, b, c, d) * p;
}

fn store(column: u32, k: u32, sums: mat4x4f, is_first: bool) {
  store_four(column, k, sums[0], is_first);
  store_four(column + 4u, k, sums[1], is_first);
  store_four(column + 8u, k, sums[2], is_first);
  store_four(column + 12u, k, sums[3], is_first);
}

fn store_four(column: u32, k: u32, sums: vec4f, is_first: bool) {
  let slope = select(select(1.0, 2.0, COST == 1u), -100.0, COST == 3u);
  let values = slope * scalars[GRADIENT_SCALE_AT] / (f32(params.n) * f32(params.m)) * sums;
  let at = column * params.d + k;
  let there = column < params.m;
  store_one(at, values.x, there, is_first);
  store_one(at + 1u, values.y, there && k + 1u < params.d, is_first);
  store_one(at + 2u, values.z, there && k + 2u < params.d, is_first);
  store_one(at + 3u, values.w, there && k + 3u < params.d, is_first);
}

fn store_one(at: u32, value: f32, is_inside: bool, is_first: bool) {
  if (is_inside) {
    out[at] = select(out[at], 0.0, is_first) + value;
  }
}
