// Sixteen pairs at once: rows `row … row + 3` of real against rows `column … column + 3` of fake, both [·, d].
// Component c of vector r is Σ_d of pair (row + r, column + c), straight from memory, in order of d; differences are
// taken directly, so that nothing cancels. Rows past the end repeat the last one. Needs lib/entropic_pair.

fn pair_costs(row: u32, column: u32) -> array<vec4f, 4> {
  let y0 = min(row, params.n - 1u) * params.d;
  let y1 = min(row + 1u, params.n - 1u) * params.d;
  let y2 = min(row + 2u, params.n - 1u) * params.d;
  let y3 = min(row + 3u, params.n - 1u) * params.d;
  let g0 = min(column, params.m - 1u) * params.d;
  let g1 = min(column + 1u, params.m - 1u) * params.d;
  let g2 = min(column + 2u, params.m - 1u) * params.d;
  let g3 = min(column + 3u, params.m - 1u) * params.d;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  for (var k = 0u; k < params.d; k++) {
    let g = vec4f(fake[g0 + k], fake[g1 + k], fake[g2 + k], fake[g3 + k]);
    sum0 += cost_term(g, vec4f(real[y0 + k]));
    sum1 += cost_term(g, vec4f(real[y1 + k]));
    sum2 += cost_term(g, vec4f(real[y2 + k]));
    sum3 += cost_term(g, vec4f(real[y3 + k]));
  }
  return array<vec4f, 4>(sum0, sum1, sum2, sum3);
}
