enable subgroups;

// Gradient of the entropic objective with respect to the generated samples, directly through the cost:
//   out_j = sign/(nm)·Σ_i p_ij·∂l(y_i, ŷ_j)/∂ŷ_j        ∂l/∂ŷ: sign(ŷ − y), 0 at ties (l1); 2(ŷ − y); ŷ − y; −100·y (cosine,
//   of rows of length 1)
//   real  [n, d]   fake, out  [m, d]   critic_real  [n]   critic_fake  [m]
//   scalars  [16] of entropic_objective_finish: p = factor·exp(u − shift), or factor·u (hinge)
// The variant for subgroups of exactly four lanes (CPU adapters). One workgroup is one subgroup and has 32 generated samples
// against all of real, 32 at a time: first p of the 32 × 32 pairs in its registers (lib/quad_costs), then the 32 terms of four
// values of d of every sample, which are added to what is there.
// Numeric strategy: differences are summed directly, weighted; nothing cancels. Bytes: 4·n·m·d·(1/16 + 1/8) through caches.
// Flops: 3·n·m·d for p and 3·n·m·d for the sum.
// Source: ∂J/∂ŷ of Balaji et al., ICML 2019, recomputed tile by tile as in FlashAttention's backward pass.
// lib: entropic_pair finite quad_costs

struct Params {
  n: u32,
  m: u32,
  d: u32,
  first_group: u32,
  lambda: f32,
  sign: f32,
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

const TILE: u32 = 32u;
const SHIFT_AT: u32 = 11u;
const FACTOR_AT: u32 = 12u;

@compute @workgroup_size(4)
fn entropic_objective_gradient_subgroup4(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let column = (params.first_group + group.x) * TILE;
  for (var row = 0u; row < params.n; row += TILE) {
    quad_costs(row, column, lane);
    put_densities(row, column + lane, lane);
    add_rows(row, column + lane, lane);
  }
}

// Puts p where the costs are, 0 past the edges.
fn put_densities(row: u32, column: u32, lane: u32) {
  let left_critics = critics_of(quad_columns(column));
  let right_critics = critics_of(quad_columns(column + 16u));
  let left_inside = scalars[FACTOR_AT] * inside_columns(column);
  let right_inside = scalars[FACTOR_AT] * inside_columns(column + 16u);
  let shift = scalars[SHIFT_AT];
  for (var h = 0u; h < 8u; h++) {
    let real_critics = in_all_lanes(critic_real[min(row + 4u * h + lane, params.n - 1u)]);
    let rows_inside = inside_rows(row + 4u * h);
    let left_u = clipped(raw_exponents(real_critics, left_critics, scaled_costs(quads[2u * h])));
    let right_u = clipped(raw_exponents(real_critics, right_critics, scaled_costs(quads[2u * h + 1u])));
    quads[2u * h] = scaled(weights(left_u, shift), rows_inside, left_inside);
    quads[2u * h + 1u] = scaled(weights(right_u, shift), rows_inside, right_inside);
  }
}

fn scaled(w: mat4x4f, of_rows: vec4f, of_columns: vec4f) -> mat4x4f {
  return mat4x4f(
    of_rows * of_columns[0] * w[0],
    of_rows * of_columns[1] * w[1],
    of_rows * of_columns[2] * w[2],
    of_rows * of_columns[3] * w[3],
  );
}

// Adds the tile's rows to the lane's columns, four values at a time.
fn add_rows(row: u32, column: u32, lane: u32) {
  let rows = first_rows(row);
  let left = quad_columns(column) * params.d;
  let right = quad_columns(column + 16u) * params.d;
  for (var k = 0u; k < params.d; k += 4u) {
    let place = place_of(k, lane);
    let left_fake = fake_quad(left, place);
    let right_fake = fake_quad(right, place);
    let y0 = real_quad(rows[0], place);
    var left_sums = slopes(left_fake, y0, quads[0]);
    var right_sums = slopes(right_fake, y0, quads[1]);
    let y1 = real_quad(rows[1], place);
    left_sums += slopes(left_fake, y1, quads[2]);
    right_sums += slopes(right_fake, y1, quads[3]);
    let y2 = real_quad(rows[2], place);
    left_sums += slopes(left_fake, y2, quads[4]);
    right_sums += slopes(right_fake, y2, quads[5]);
    let y3 = real_quad(rows[3], place);
    left_sums += slopes(left_fake, y3, quads[6]);
    right_sums += slopes(right_fake, y3, quads[7]);
    let y4 = real_quad(rows[4], place);
    left_sums += slopes(left_fake, y4, quads[8]);
    right_sums += slopes(right_fake, y4, quads[9]);
    let y5 = real_quad(rows[5], place);
    left_sums += slopes(left_fake, y5, quads[10]);
    right_sums += slopes(right_fake, y5, quads[11]);
    let y6 = real_quad(rows[6], place);
    left_sums += slopes(left_fake, y6, quads[12]);
    right_sums += slopes(right_fake, y6, quads[13]);
    let y7 = real_quad(rows[7], place);
    left_sums += slopes(left_fake, y7, quads[14]);
    right_sums += slopes(right_fake, y7, quads[15]);
    store(column, k, left_sums, row == 0u);
    store(column + 16u, k, right_sums, row == 0u);
  }
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
  let scale = slope * params.sign / (f32(params.n) * f32(params.m));
  for (var i = 0u; i < 4u && k + i < params.d && column < params.m; i++) {
    let at = column * params.d + k + i;
    out[at] = select(out[at], 0.0, is_first) + scale * sums[i];
  }
}
