// The costs of TILE × TILE pairs, a tile of rows of real against one of rows of fake, both [·, d], as GPUs take them: of the
// kind of matmul_tile. An invocation sums 8 × 8 pairs in registers, 128 operations for four loads of four floats. STEP values
// of d at a time are in workgroup memory, in two halves: one is read while what comes after it is fetched. The invocations
// are PARTS times those that one sum of all pairs takes; each part takes every PARTS-th value of d, so that small batches
// occupy a GPU. An invocation's rows, and columns, lie LANES apart, so that neighbours load neighbours.
// Differences are taken directly, so that nothing cancels. Rows past the end repeat the last one.
// Kernels that append this have params n, m and d, the bindings real, fake and critic_fake, lib/entropic_pair, and TILE,
// INVOCATIONS (a multiple of TILE²/64, at least TILE), STEP (a multiple of PARTS) and MEMORY (STEP·TILE vectors or more).

const LANES: u32 = TILE / 8u; // invocations of a part along a side of the tile
const FOURS: u32 = TILE / 4u; // vectors of a side of the tile: vector v has rows, or columns, v + FOURS·(0 … 3)
const HALF: u32 = STEP * FOURS;
const PLACES: u32 = LANES * LANES;
const PARTS: u32 = INVOCATIONS / PLACES;
const OWN: u32 = max(1u, 16u / PARTS); // vectors of four pairs that an invocation is left with
const OWN_ROWS: u32 = (OWN + 1u) / 2u; // rows that these are in
const CARRIERS: u32 = min(16u, PARTS) * PLACES; // invocations that are left with any

var<workgroup> memory: array<vec4f, MEMORY>; // during the sums two halves of real, two of fake

// The costs of the OWN vectors of an invocation. With PARTS > 1 the carrier of part p has one, vector p of its place. Vector v is of
// the tile's row lane_row + v/2·LANES and of the columns lane_column + v%2·LANES + FOURS·(0 … 3), where the place, index % PLACES, is
// lane_row·LANES + lane_column. All invocations call it, with the memory free; so it is when it returns.
fn tile_costs(index: u32, row: u32, column: u32) -> array<vec4f, OWN> {
  let sums = tile_sums(index, row, column);
  var own: array<vec4f, OWN>;
  if (PARTS == 1u) {
    for (var v = 0u; v < OWN; v++) {
      own[v] = scaled_costs(sums[v]);
    }
    workgroupBarrier();
    return own;
  }
  // The parts' sums come together four vectors at a time, in order of the parts.
  let part = index / PLACES;
  let place = index % PLACES;
  var sum = vec4f();
  for (var first = 0u; first < 16u; first += 4u) {
    let own_at = (part % 4u) * INVOCATIONS + place;
    workgroupBarrier();
    for (var v = 0u; v < 4u; v++) {
      memory[v * INVOCATIONS + index] = sums[first + v];
    }
    workgroupBarrier();
    if (part / 4u == first / 4u) {
      for (var other = 0u; other < PARTS; other++) {
        sum += memory[own_at + other * PLACES];
      }
    }
  }
  workgroupBarrier();
  own[0] = scaled_costs(sum);
  return own;
}

fn tile_sums(index: u32, row: u32, column: u32) -> array<vec4f, 16> {
  let lane_row = index % PLACES / LANES;
  let lane_column = index % LANES;
  let part = select(index / PLACES, 0u, PARTS == 1u);
  // What an invocation brings: one vector of each side, or two where the invocations are few.
  let i = index % STEP;
  let v = index / STEP;
  let more_v = v + INVOCATIONS / STEP;
  var real_next = four_of_real(row + v, i);
  var fake_next = four_of_fake(column + v, i);
  var real_more = vec4f();
  var fake_more = vec4f();
  if (HALF > INVOCATIONS) {
    real_more = four_of_real(row + more_v, i);
    fake_more = four_of_fake(column + more_v, i);
  }
  var even0 = vec4f();
  var odd0 = vec4f();
  var even1 = vec4f();
  var odd1 = vec4f();
  var even2 = vec4f();
  var odd2 = vec4f();
  var even3 = vec4f();
  var odd3 = vec4f();
  var even4 = vec4f();
  var odd4 = vec4f();
  var even5 = vec4f();
  var odd5 = vec4f();
  var even6 = vec4f();
  var odd6 = vec4f();
  var even7 = vec4f();
  var odd7 = vec4f();
  var base = 0u; // of the half that is written, then read
  for (var k = 0u; k < params.d; k += STEP) {
    memory[base + slot(i, v)] = real_next;
    memory[2u * HALF + base + slot(i, v)] = fake_next;
    if (HALF > INVOCATIONS) {
      memory[base + slot(i, more_v)] = real_more;
      memory[2u * HALF + base + slot(i, more_v)] = fake_more;
    }
    workgroupBarrier();
    let next = k + STEP + i;
    real_next = four_of_real(row + v, next);
    fake_next = four_of_fake(column + v, next);
    if (HALF > INVOCATIONS) {
      real_more = four_of_real(row + more_v, next);
      fake_more = four_of_fake(column + more_v, next);
    }
    for (var t = part; t < STEP; t += PARTS) {
      let x = memory[base + slot(t, lane_row)]; // the even ones of the invocation's rows, then the odd ones
      let y = memory[base + slot(t, lane_row + LANES)];
      let even = memory[2u * HALF + base + slot(t, lane_column)];
      let odd = memory[2u * HALF + base + slot(t, lane_column + LANES)];
      even0 += cost_term(even, vec4f(x.x));
      odd0 += cost_term(odd, vec4f(x.x));
      even1 += cost_term(even, vec4f(y.x));
      odd1 += cost_term(odd, vec4f(y.x));
      even2 += cost_term(even, vec4f(x.y));
      odd2 += cost_term(odd, vec4f(x.y));
      even3 += cost_term(even, vec4f(y.y));
      odd3 += cost_term(odd, vec4f(y.y));
      even4 += cost_term(even, vec4f(x.z));
      odd4 += cost_term(odd, vec4f(x.z));
      even5 += cost_term(even, vec4f(y.z));
      odd5 += cost_term(odd, vec4f(y.z));
      even6 += cost_term(even, vec4f(x.w));
      odd6 += cost_term(odd, vec4f(x.w));
      even7 += cost_term(even, vec4f(y.w));
      odd7 += cost_term(odd, vec4f(y.w));
    }
    base = HALF - base;
  }
  return array<vec4f, 16>(
    even0, odd0,
    even1, odd1,
    even2, odd2,
    even3, odd3,
    even4, odd4,
    even5, odd5,
    even6, odd6,
    even7, odd7,
  );
}

// Where vector v of the t-th value of d lies in a half; permuted by t, so that neighbours in either lie in different banks.
fn slot(t: u32, v: u32) -> u32 {
  return t * FOURS + (v ^ (t % min(8u, FOURS)));
}

// Rows r + FOURS·(0 … 3) of real at a value of d; past the last value there are zeros.
fn four_of_real(r: u32, k: u32) -> vec4f {
  if (k >= params.d) {
    return vec4f();
  }
  let last = params.n - 1u;
  return vec4f(
    real[min(r, last) * params.d + k],
    real[min(r + FOURS, last) * params.d + k],
    real[min(r + 2u * FOURS, last) * params.d + k],
    real[min(r + 3u * FOURS, last) * params.d + k],
  );
}

// Rows c + FOURS·(0 … 3) of fake, likewise.
fn four_of_fake(c: u32, k: u32) -> vec4f {
  if (k >= params.d) {
    return vec4f();
  }
  let last = params.m - 1u;
  return vec4f(
    fake[min(c, last) * params.d + k],
    fake[min(c + FOURS, last) * params.d + k],
    fake[min(c + 2u * FOURS, last) * params.d + k],
    fake[min(c + 3u * FOURS, last) * params.d + k],
  );
}

// D₂ of columns j + FOURS·(0 … 3).
fn four_critics(j: u32) -> vec4f {
  let last = params.m - 1u;
  return vec4f(
    critic_fake[min(j, last)],
    critic_fake[min(j + FOURS, last)],
    critic_fake[min(j + 2u * FOURS, last)],
    critic_fake[min(j + 3u * FOURS, last)],
  );
}

// Which of the pairs of row i with columns j + FOURS·(0 … 3) there are.
fn four_exist(i: u32, j: u32) -> vec4<bool> {
  let columns = vec4u(j, j + FOURS, j + 2u * FOURS, j + 3u * FOURS);
  return (columns < vec4u(params.m)) & vec4<bool>(i < params.n);
}

fn scaled_costs(sums: vec4f) -> vec4f {
  return vec4f(scaled_cost(sums.x), scaled_cost(sums.y), scaled_cost(sums.z), scaled_cost(sums.w));
}

fn exponents(critic: f32, others: vec4f, cost: vec4f) -> vec4f {
  return vec4f(
    exponent(critic, others.x, cost.x),
    exponent(critic, others.y, cost.y),
    exponent(critic, others.z, cost.z),
    exponent(critic, others.w, cost.w),
  );
}

fn weights(u: vec4f, shift: f32) -> vec4f {
  return vec4f(weight(u.x, shift), weight(u.y, shift), weight(u.z, shift), weight(u.w, shift));
}
