// Sixty-four pairs at once, by a subgroup of four lanes: rows `row … row + 7` of real against rows `column … column + 7` of
// fake, both [·, d]. Component c of vector 2r + h is Σ_d of pair (row + r, column + 4h + c), the same in every lane. Lane l
// sums every fourth value of d from l on, eight of d a round; the lanes' sums are added in a fixed order. Differences are
// taken directly, so that nothing cancels. Rows past the end repeat the last one. Needs lib/entropic_pair and subgroups.

fn quad_costs(row: u32, column: u32, lane: u32) -> array<vec4f, 16> {
  let y0 = min(row + 0u, params.n - 1u) * params.d;
  let y1 = min(row + 1u, params.n - 1u) * params.d;
  let y2 = min(row + 2u, params.n - 1u) * params.d;
  let y3 = min(row + 3u, params.n - 1u) * params.d;
  let y4 = min(row + 4u, params.n - 1u) * params.d;
  let y5 = min(row + 5u, params.n - 1u) * params.d;
  let y6 = min(row + 6u, params.n - 1u) * params.d;
  let y7 = min(row + 7u, params.n - 1u) * params.d;
  let left = min(vec4u(column, column + 1u, column + 2u, column + 3u), vec4u(params.m - 1u)) * params.d;
  let right = min(vec4u(column + 4u, column + 5u, column + 6u, column + 7u), vec4u(params.m - 1u)) * params.d;
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
  for (var start = 0u; start < params.d; start += 8u) {
    let k = start + lane;
    let k0 = min(k, params.d - 1u);
    let k1 = min(k + 4u, params.d - 1u);
    let inside0 = select(0.0, 1.0, k < params.d); // past the end both values become 0, and their term with them
    let inside1 = select(0.0, 1.0, k + 4u < params.d);
    let left_k0 = inside0 * fakes(left + k0);
    let left_k1 = inside1 * fakes(left + k1);
    let right_k0 = inside0 * fakes(right + k0);
    let right_k1 = inside1 * fakes(right + k1);
    let y0_k0 = inside0 * real[y0 + k0];
    let y0_k1 = inside1 * real[y0 + k1];
    left0 += cost_term(left_k0, vec4f(y0_k0)) + cost_term(left_k1, vec4f(y0_k1));
    right0 += cost_term(right_k0, vec4f(y0_k0)) + cost_term(right_k1, vec4f(y0_k1));
    let y1_k0 = inside0 * real[y1 + k0];
    let y1_k1 = inside1 * real[y1 + k1];
    left1 += cost_term(left_k0, vec4f(y1_k0)) + cost_term(left_k1, vec4f(y1_k1));
    right1 += cost_term(right_k0, vec4f(y1_k0)) + cost_term(right_k1, vec4f(y1_k1));
    let y2_k0 = inside0 * real[y2 + k0];
    let y2_k1 = inside1 * real[y2 + k1];
    left2 += cost_term(left_k0, vec4f(y2_k0)) + cost_term(left_k1, vec4f(y2_k1));
    right2 += cost_term(right_k0, vec4f(y2_k0)) + cost_term(right_k1, vec4f(y2_k1));
    let y3_k0 = inside0 * real[y3 + k0];
    let y3_k1 = inside1 * real[y3 + k1];
    left3 += cost_term(left_k0, vec4f(y3_k0)) + cost_term(left_k1, vec4f(y3_k1));
    right3 += cost_term(right_k0, vec4f(y3_k0)) + cost_term(right_k1, vec4f(y3_k1));
    let y4_k0 = inside0 * real[y4 + k0];
    let y4_k1 = inside1 * real[y4 + k1];
    left4 += cost_term(left_k0, vec4f(y4_k0)) + cost_term(left_k1, vec4f(y4_k1));
    right4 += cost_term(right_k0, vec4f(y4_k0)) + cost_term(right_k1, vec4f(y4_k1));
    let y5_k0 = inside0 * real[y5 + k0];
    let y5_k1 = inside1 * real[y5 + k1];
    left5 += cost_term(left_k0, vec4f(y5_k0)) + cost_term(left_k1, vec4f(y5_k1));
    right5 += cost_term(right_k0, vec4f(y5_k0)) + cost_term(right_k1, vec4f(y5_k1));
    let y6_k0 = inside0 * real[y6 + k0];
    let y6_k1 = inside1 * real[y6 + k1];
    left6 += cost_term(left_k0, vec4f(y6_k0)) + cost_term(left_k1, vec4f(y6_k1));
    right6 += cost_term(right_k0, vec4f(y6_k0)) + cost_term(right_k1, vec4f(y6_k1));
    let y7_k0 = inside0 * real[y7 + k0];
    let y7_k1 = inside1 * real[y7 + k1];
    left7 += cost_term(left_k0, vec4f(y7_k0)) + cost_term(left_k1, vec4f(y7_k1));
    right7 += cost_term(right_k0, vec4f(y7_k0)) + cost_term(right_k1, vec4f(y7_k1));
  }
  return array<vec4f, 16>(
    over_lanes(left0), over_lanes(right0),
    over_lanes(left1), over_lanes(right1),
    over_lanes(left2), over_lanes(right2),
    over_lanes(left3), over_lanes(right3),
    over_lanes(left4), over_lanes(right4),
    over_lanes(left5), over_lanes(right5),
    over_lanes(left6), over_lanes(right6),
    over_lanes(left7), over_lanes(right7),
  );
}

fn fakes(at: vec4u) -> vec4f {
  return vec4f(fake[at.x], fake[at.y], fake[at.z], fake[at.w]);
}

fn over_lanes(own: vec4f) -> vec4f {
  let pair = own + quadSwapX(own);
  return pair + quadSwapY(pair);
}
