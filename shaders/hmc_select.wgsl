// Chains after a transition, in place: weighed where they stood, and moved where the outcome says so.
//   w ← (fresh ? 0 : w) − increment·l      (x, g, l) ← taken ? (x′, g′, l′) : (x, g, l)
//   outcomes  [rows, 2]: a probability, and 1 where taken, else 0      moved, sloped  [rows, r]: x′, g′      reached  [rows]: l′
//   positions, gradients  [rows, r], row-major: x, g = ∂l/∂x      costs, weights  [rows]: l, w
// One workgroup: 64 elements, one to an invocation; that of a chain's first element does its cost and weight.
// Bytes: 16·rows·r + 20·rows. Flops: 2·rows. Source: Neal, "Annealed importance sampling", 2001.

struct Params {
  rows: u32,
  r: u32,
  increment: f32,
  fresh: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> outcomes: array<f32>;
@group(0) @binding(2) var<storage, read> moved: array<f32>;
@group(0) @binding(3) var<storage, read> sloped: array<f32>;
@group(0) @binding(4) var<storage, read> reached: array<f32>;
@group(0) @binding(5) var<storage, read_write> positions: array<f32>;
@group(0) @binding(6) var<storage, read_write> gradients: array<f32>;
@group(0) @binding(7) var<storage, read_write> costs: array<f32>;
@group(0) @binding(8) var<storage, read_write> weights: array<f32>;

@compute @workgroup_size(64)
fn hmc_select(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) group_count: vec3u) {
  for (var i = id.x; i < params.rows * params.r; i += group_count.x * 64u) {
    let row = i / params.r;
    let taken = outcomes[2u * row + 1u] == 1.0;
    if (i == row * params.r) {
      let cost = costs[row];
      weights[row] = select(weights[row], 0.0, params.fresh == 1u) - params.increment * cost;
      costs[row] = select(cost, reached[row], taken);
    }
    positions[i] = select(positions[i], moved[i], taken);
    gradients[i] = select(gradients[i], sloped[i], taken);
  }
}
