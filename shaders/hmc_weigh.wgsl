// Weights and costs of chains after a transition, in place: weighed where they stood before it.
//   w ← (fresh ? 0 : w) − increment·l,  then  l ← taken ? l′ : l
//   outcomes  [rows, 2]: a probability, and 1 where taken, else 0      reached, costs, weights  [rows]: l′, l, w
// One workgroup: 64 chains, one to an invocation. Bytes: 24·rows. Flops: 2·rows.
// Source: Neal, "Annealed importance sampling", 2001.

struct Params {
  rows: u32,
  increment: f32,
  fresh: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> outcomes: array<f32>;
@group(0) @binding(2) var<storage, read> reached: array<f32>;
@group(0) @binding(3) var<storage, read_write> costs: array<f32>;
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;

@compute @workgroup_size(64)
fn hmc_weigh(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) group_count: vec3u) {
  for (var row = id.x; row < params.rows; row += group_count.x * 64u) {
    let cost = costs[row];
    weights[row] = select(weights[row], 0.0, params.fresh == 1u) - params.increment * cost;
    costs[row] = select(cost, reached[row], outcomes[2u * row + 1u] == 1.0);
  }
}
