enable subgroups;

// Statistics of the coupling over blocks of the n × m pairs; the pairs themselves are never stored.
//   u_ij = v_ij/λ (− 1), v_ij = D₁(y_i) − D₂(ŷ_j) − l(y_i, ŷ_j)      w_ij = exp(u_ij − s) or, hinge, u_ij
//   real  [n, d]   fake  [m, d]   critic_real  [n]   critic_fake  [m]
//   row_partials     [column_blocks, n, 8]: s = max u, Σw, Σw·l, Σw·(u − s), Σw·log w, pairs clipped, pairs not finite, 0
//                    over the row's pairs in a block of columns
//   column_partials  [row_blocks, m, 2]: s, Σw over the column's pairs in a block of rows
// The variant for subgroups of exactly four lanes (CPU adapters). One workgroup is one subgroup and takes a block of
// row_tiles × column_tiles tiles of 32 × 32 pairs, one tile at a time, in its registers: the costs by lib/quad_costs, then four
// rows after four are added to the running sums. No workgroup memory and no barrier: both are dear there.
// Numeric strategy: sums are relative to the largest exponent met so far, so that none overflows (FlashAttention, Dao et al.
// 2022). It is common to the tile: what lies 88 below it counts as 0, which is less than float32 resolves of any mean or
// gradient, since these are relative to the largest of all. The sums over l, u − s and log w, and the counts, are of the 32
// rows of a tile together and stand in the first of them; unsound pairs are not counted, one says that there are some.
// Bytes: 4·n·m·d·(1/16 + 1/32) read through caches. Flops: 3·n·m·d + about 60·n·m.
// Source: the dual of Balaji et al., ICML 2019, over all pairs of the batch.
// lib: entropic_pair finite quad_costs

struct Params {
  n: u32,
  m: u32,
  d: u32,
  row_tiles: u32, // tiles of a block along n, along m
  column_tiles: u32,
  first_row_block: u32,
  lambda: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> real: array<f32>;
@group(0) @binding(2) var<storage, read> fake: array<f32>;
@group(0) @binding(3) var<storage, read> critic_real: array<f32>;
@group(0) @binding(4) var<storage, read> critic_fake: array<f32>;
@group(0) @binding(5) var<storage, read_write> row_partials: array<f32>;
@group(0) @binding(6) var<storage, read_write> column_partials: array<f32>;

override COST: u32 = 0u;
override FORM: u32 = 0u;

const TILE: u32 = 32u;

var<private> quads: array<mat4x4f, 16>; // [c][r] of quads[2h + s] is of the pair (row + 4h + r, column + 16s + 4c)
var<private> row_sums: array<vec4f, 8>; // Σw of four rows each, over the lane's columns, relative to …
var<private> row_shifts: array<f32, 8>;

// Sums over the lane's pairs of a tile's rows, relative to exp(shift).
struct Totals {
  shift: f32,
  sum: vec4f,
  cost: vec4f,
  gap: vec4f,
  entropy: vec4f,
  clipped: vec4f,
  largest: vec4u, // bits of the largest |exponent|: those of infinities and NaN are larger than of any number
}

@compute @workgroup_size(4)
fn entropic_objective_tiles_subgroup4(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row_block = params.first_row_block + group.y;
  for (var row_tile = 0u; row_tile < params.row_tiles; row_tile++) {
    let row = (row_block * params.row_tiles + row_tile) * TILE;
    let lowest = select(LOWEST, 0.0, FORM == 2u);
    var totals = Totals(lowest, vec4f(), vec4f(), vec4f(), vec4f(), vec4f(), vec4u());
    row_sums = array<vec4f, 8>();
    row_shifts = array<f32, 8>(lowest, lowest, lowest, lowest, lowest, lowest, lowest, lowest);
    for (var column_tile = 0u; column_tile < params.column_tiles; column_tile++) {
      let column = (group.x * params.column_tiles + column_tile) * TILE;
      put_costs(row, column + lane, lane);
      totals = fold_tile(totals, row, column + lane, lane, row_block * params.m, row_tile == 0u);
    }
    store_rows(totals, row, lane, group.x * params.n);
  }
}

// Puts the costs of the tile into `quads`: sixteen columns, then the other sixteen.
fn put_costs(row: u32, column: u32, lane: u32) {
  for (var side = 0u; side < 2u; side++) {
    let costs = quad_costs(row, column + 16u * side, lane);
    quads[side] = costs.q0;
    quads[side + 2u] = costs.q1;
    quads[side + 4u] = costs.q2;
    quads[side + 6u] = costs.q3;
    quads[side + 8u] = costs.q4;
    quads[side + 10u] = costs.q5;
    quads[side + 12u] = costs.q6;
    quads[side + 14u] = costs.q7;
  }
}

// Adds the tile to the sums of its rows, and of the lane's columns `column`, `column + 4`, ….
fn fold_tile(before: Totals, row: u32, column: u32, lane: u32, columns_at: u32, is_first: bool) -> Totals {
  var totals = before;
  let left_critics = critics_of(quad_columns(column));
  let right_critics = critics_of(quad_columns(column + 16u));
  let left_inside = inside_columns(column);
  let right_inside = inside_columns(column + 16u);
  var left_sums = vec4f();
  var right_sums = vec4f();
  for (var h = 0u; h < 8u; h++) {
    let critics = real_critics(row + 4u * h, lane);
    let rows_inside = inside_rows(row + 4u * h);
    let left_costs = quads[2u * h];
    let right_costs = quads[2u * h + 1u];
    let left_raw = raw_exponents(critics, left_critics, left_costs);
    let right_raw = raw_exponents(critics, right_critics, right_costs);
    let left_u = clipped(left_raw);
    let right_u = clipped(right_raw);

    // A new maximum: what was summed relative to the old one shrinks.
    var shift = 0.0;
    var factor = 1.0;
    if (FORM != 2u) {
      shift = max(totals.shift, largest_of_lanes(max(largest(left_u), largest(right_u))));
      factor = exp(totals.shift - shift);
      totals.gap = factor * (totals.gap + (totals.shift - shift) * totals.sum);
      totals.sum *= factor;
      totals.cost *= factor;
      row_sums[h] *= exp(row_shifts[h] - shift);
      totals.shift = shift;
      row_shifts[h] = shift;
    }
    let left_w = weights(left_u, shift);
    let right_w = weights(right_u, shift);
    left_sums = factor * left_sums + rows_inside * left_w;
    right_sums = factor * right_sums + rows_inside * right_w;
    let sums = left_w * left_inside + right_w * right_inside;
    row_sums[h] += sums;
    totals.sum += rows_inside * sums;
    totals.cost += rows_inside * (products(left_w, left_costs) * left_inside + products(right_w, right_costs) * right_inside);
    totals.gap += rows_inside * (gaps(left_w, left_u, shift) * left_inside + gaps(right_w, right_u, shift) * right_inside);
    if (FORM == 2u) {
      totals.entropy += rows_inside * (products(left_w, logs(left_w)) * left_inside + products(right_w, logs(right_w)) * right_inside);
    }
    if (FORM == 0u) {
      totals.clipped += rows_inside * (beyond(left_raw) * left_inside + beyond(right_raw) * right_inside);
    }
    totals.largest = max(totals.largest, max(bits(left_raw), bits(right_raw)));
  }
  store_columns(column, left_sums, totals.shift, columns_at, is_first);
  store_columns(column + 16u, right_sums, totals.shift, columns_at, is_first);
  return totals;
}

fn largest(u: mat4x4f) -> f32 {
  let four = max(max(u[0], u[1]), max(u[2], u[3]));
  return max(max(four.x, four.y), max(four.z, four.w));
}

fn largest_of_lanes(own: f32) -> f32 {
  let pair = max(own, quadSwapX(own));
  return max(pair, quadSwapY(pair));
}

fn products(a: mat4x4f, b: mat4x4f) -> mat4x4f {
  return mat4x4f(a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]);
}

// w·(u − s), or w² (hinge).
fn gaps(w: mat4x4f, u: mat4x4f, shift: f32) -> mat4x4f {
  return mat4x4f(w[0] * (u[0] - shift), w[1] * (u[1] - shift), w[2] * (u[2] - shift), w[3] * (u[3] - shift));
}

fn logs(w: mat4x4f) -> mat4x4f {
  let least = vec4f(1e-30);
  return mat4x4f(log(max(w[0], least)), log(max(w[1], least)), log(max(w[2], least)), log(max(w[3], least)));
}

fn beyond(raw: mat4x4f) -> mat4x4f {
  let most = vec4f(MOST_EXPONENT);
  return mat4x4f(vec4f(raw[0] > most), vec4f(raw[1] > most), vec4f(raw[2] > most), vec4f(raw[3] > most));
}

fn bits(raw: mat4x4f) -> vec4u {
  return max(
    max(bitcast<vec4u>(abs(raw[0])), bitcast<vec4u>(abs(raw[1]))),
    max(bitcast<vec4u>(abs(raw[2])), bitcast<vec4u>(abs(raw[3]))),
  );
}

// Puts the sums of four columns into memory, with those that earlier tiles of the block left there.
fn store_columns(column: u32, sums: vec4f, shift: f32, columns_at: u32, is_first: bool) {
  for (var c = 0u; c < 4u && column + 4u * c < params.m; c++) {
    let at = (columns_at + column + 4u * c) * 2u;
    if (is_first) {
      column_partials[at] = shift;
      column_partials[at + 1u] = sums[c];
    } else {
      let old = column_partials[at];
      let top = max(old, shift);
      column_partials[at] = top;
      column_partials[at + 1u] = column_partials[at + 1u] * factor_of(old, top) + sums[c] * factor_of(shift, top);
    }
  }
}

fn factor_of(shift: f32, top: f32) -> f32 {
  return select(exp(shift - top), 1.0, FORM == 2u);
}

fn store_rows(totals: Totals, row: u32, lane: u32, rows_at: u32) {
  let sums = over_lanes(vec4f(dot(totals.cost, vec4f(1.0)), dot(totals.gap, vec4f(1.0)), dot(totals.entropy, vec4f(1.0)), dot(totals.clipped, vec4f(1.0))));
  let most = max(max(totals.largest.x, totals.largest.y), max(totals.largest.z, totals.largest.w));
  let unsound = over_lanes(vec4f(select(0.0, 1.0, most >= 0x7f800000u))).x;
  for (var h = 0u; h < 8u; h++) {
    let own = over_lanes(row_sums[h])[lane];
    let r = 4u * h + lane;
    if (row + r < params.n) {
      let at = (rows_at + row + r) * 8u;
      row_partials[at] = totals.shift;
      row_partials[at + 1u] = own * factor_of(row_shifts[h], totals.shift);
      row_partials[at + 2u] = select(0.0, sums[0], r == 0u);
      row_partials[at + 3u] = select(0.0, sums[1], r == 0u);
      row_partials[at + 4u] = select(0.0, sums[2], r == 0u);
      row_partials[at + 5u] = select(0.0, sums[3], r == 0u);
      row_partials[at + 6u] = select(0.0, unsound, r == 0u);
    }
  }
}

fn over_lanes(own: vec4f) -> vec4f {
  let pair = own + quadSwapX(own);
  return pair + quadSwapY(pair);
}
