// Costs of 32 × 16 pairs at once, by a subgroup of four lanes: rows `row … row + 31` of real against the lane's columns `column`,
// `column + 4`, `column + 8` and `column + 12` of fake, both [·, d]. Element [c][r] of the h-th matrix belongs to pair (row + 4h + r,
// column + 4c). The values of real come four neighbours a load, one a lane, and are handed to all lanes by register shuffles; loads
// are what costs on such adapters, and variables that are indexed by anything but constants.
// Differences are taken directly, in order of d, so that nothing cancels. Rows past the end repeat the last one.
// Needs lib/entropic_pair and subgroups.

// Of the rows four by four.
struct Quads {
  q0: mat4x4f,
  q1: mat4x4f,
  q2: mat4x4f,
  q3: mat4x4f,
  q4: mat4x4f,
  q5: mat4x4f,
  q6: mat4x4f,
  q7: mat4x4f,
}

// Where values k … k + 3 lie in a row; values past the end are to be multiplied by 0.
struct Place {
  own: u32, // the lane's
  inside: f32,
  all: vec4u,
  all_inside: vec4f,
}

fn place_of(k: u32, lane: u32) -> Place {
  let all = vec4u(k, k + 1u, k + 2u, k + 3u);
  let last = params.d - 1u;
  return Place(min(k + lane, last), select(0.0, 1.0, k + lane < params.d), min(all, vec4u(last)), vec4f(all < vec4u(params.d)));
}

fn quad_costs(row: u32, column: u32, lane: u32) -> Quads {
  let rows = first_rows(row);
  let columns = quad_columns(column) * params.d;
  var c0 = mat4x4f();
  var c1 = mat4x4f();
  var c2 = mat4x4f();
  var c3 = mat4x4f();
  var c4 = mat4x4f();
  var c5 = mat4x4f();
  var c6 = mat4x4f();
  var c7 = mat4x4f();
  for (var k = 0u; k < params.d; k += 4u) {
    let place = place_of(k, lane);
    let fakes = fake_quad(columns, place);
    c0 += cost_terms(fakes, real_quad(rows[0], place));
    c1 += cost_terms(fakes, real_quad(rows[1], place));
    c2 += cost_terms(fakes, real_quad(rows[2], place));
    c3 += cost_terms(fakes, real_quad(rows[3], place));
    c4 += cost_terms(fakes, real_quad(rows[4], place));
    c5 += cost_terms(fakes, real_quad(rows[5], place));
    c6 += cost_terms(fakes, real_quad(rows[6], place));
    c7 += cost_terms(fakes, real_quad(rows[7], place));
  }
  return Quads(
    scaled_costs(c0), scaled_costs(c1), scaled_costs(c2), scaled_costs(c3),
    scaled_costs(c4), scaled_costs(c5), scaled_costs(c6), scaled_costs(c7),
  );
}

// Where the rows of the tile begin, four and four.
fn first_rows(row: u32) -> array<vec4u, 8> {
  return array<vec4u, 8>(
    quad_rows(row), quad_rows(row + 4u), quad_rows(row + 8u), quad_rows(row + 12u),
    quad_rows(row + 16u), quad_rows(row + 20u), quad_rows(row + 24u), quad_rows(row + 28u),
  );
}

fn quad_rows(row: u32) -> vec4u {
  return min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(params.n - 1u)) * params.d;
}

fn quad_columns(column: u32) -> vec4u {
  return min(vec4u(column, column + 4u, column + 8u, column + 12u), vec4u(params.m - 1u));
}

// Four values of four rows, row r in column r of the matrix: of the lane's columns of fake, or the same in all lanes.
fn fake_quad(at: vec4u, place: Place) -> mat4x4f {
  return mat4x4f(fake_four(at.x, place), fake_four(at.y, place), fake_four(at.z, place), fake_four(at.w, place));
}

fn fake_four(at: u32, place: Place) -> vec4f {
  let k = place.all + at;
  return place.all_inside * vec4f(fake[k.x], fake[k.y], fake[k.z], fake[k.w]);
}

fn real_quad(at: vec4u, place: Place) -> mat4x4f {
  let k = at + place.own;
  let own = place.inside * vec4f(real[k.x], real[k.y], real[k.z], real[k.w]);
  return mat4x4f(in_all_lanes(own.x), in_all_lanes(own.y), in_all_lanes(own.z), in_all_lanes(own.w));
}

// The values of the four lanes.
fn in_all_lanes(own: f32) -> vec4f {
  return vec4f(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u));
}

fn cost_terms(fake_values: mat4x4f, real_values: mat4x4f) -> mat4x4f {
  return mat4x4f(
    cost_terms_of(fake_values[0], real_values),
    cost_terms_of(fake_values[1], real_values),
    cost_terms_of(fake_values[2], real_values),
    cost_terms_of(fake_values[3], real_values),
  );
}

// Four values of one row of fake with those of four of real.
fn cost_terms_of(fake_values: vec4f, real_values: mat4x4f) -> vec4f {
  if (COST == 3u) {
    return fake_values * real_values;
  }
  let a = fake_values - real_values[0];
  let b = fake_values - real_values[1];
  let c = fake_values - real_values[2];
  let d = fake_values - real_values[3];
  if (COST == 0u) {
    return vec4f(1.0) * mat4x4f(abs(a), abs(b), abs(c), abs(d));
  }
  return vec4f(dot(a, a), dot(b, b), dot(c, c), dot(d, d));
}

// Sixteen sums, a column of fake in each column of the matrix, as costs.
fn scaled_costs(sums: mat4x4f) -> mat4x4f {
  if (COST == 3u) {
    return mat4x4f(100.0 * (1.0 - sums[0]), 100.0 * (1.0 - sums[1]), 100.0 * (1.0 - sums[2]), 100.0 * (1.0 - sums[3]));
  }
  return select(1.0, 0.5, COST == 2u) * sums;
}

// Exponents of sixteen pairs as `exponent` has them, before they are clipped.
fn raw_exponents(real_critics: vec4f, fake_critics: vec4f, costs: mat4x4f) -> mat4x4f {
  return mat4x4f(
    raw_exponents_of(real_critics, fake_critics[0], costs[0]),
    raw_exponents_of(real_critics, fake_critics[1], costs[1]),
    raw_exponents_of(real_critics, fake_critics[2], costs[2]),
    raw_exponents_of(real_critics, fake_critics[3], costs[3]),
  );
}

fn raw_exponents_of(real_critics: vec4f, fake_critic: f32, costs: vec4f) -> vec4f {
  let v = (real_critics - fake_critic - costs) / params.lambda;
  if (FORM == 2u) {
    return max(v, vec4f());
  }
  return select(v, v - 1.0, FORM == 0u);
}

fn clipped(u: mat4x4f) -> mat4x4f {
  if (FORM == 0u) {
    let most = vec4f(MOST_EXPONENT);
    return mat4x4f(min(u[0], most), min(u[1], most), min(u[2], most), min(u[3], most));
  }
  return u;
}

// Densities of sixteen pairs, as `weight` has them.
fn weights(u: mat4x4f, shift: f32) -> mat4x4f {
  if (FORM == 2u) {
    return u;
  }
  return mat4x4f(exp(u[0] - shift), exp(u[1] - shift), exp(u[2] - shift), exp(u[3] - shift));
}

// Critics of four rows of real, in all lanes, and of four columns.
fn real_critics(row: u32, lane: u32) -> vec4f {
  return in_all_lanes(critic_real[min(row + lane, params.n - 1u)]);
}

fn critics_of(columns: vec4u) -> vec4f {
  return vec4f(critic_fake[columns.x], critic_fake[columns.y], critic_fake[columns.z], critic_fake[columns.w]);
}

// 1 for the lane's columns, or rows, that there are, 0 past the end.
fn inside_columns(column: u32) -> vec4f {
  return vec4f(vec4u(column, column + 4u, column + 8u, column + 12u) < vec4u(params.m));
}

fn inside_rows(row: u32) -> vec4f {
  return vec4f(vec4u(row, row + 1u, row + 2u, row + 3u) < vec4u(params.n));
}
