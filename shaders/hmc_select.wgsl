// Chains after a transition, in place: at the end of their trajectory where they took it, else where they were, turned round.
//   (x, p, g) ← taken ? (x′, p′, g′) : (x, −p, g)
//   outcomes  [rows, 2]: a probability, and 1 where taken, else 0
//   moved, kicked, sloped, positions, momenta, gradients  [rows, r], row-major, a chain a row: x′, p′, g′, x, p, g
// One workgroup: 64 elements, one to an invocation. Bytes: 36·rows·r. Flops: 0.
// Source: Horowitz, "A generalized guided Monte Carlo algorithm", 1991.

struct Params {
  rows: u32,
  r: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> outcomes: array<f32>;
@group(0) @binding(2) var<storage, read> moved: array<f32>;
@group(0) @binding(3) var<storage, read> kicked: array<f32>;
@group(0) @binding(4) var<storage, read> sloped: array<f32>;
@group(0) @binding(5) var<storage, read_write> positions: array<f32>;
@group(0) @binding(6) var<storage, read_write> momenta: array<f32>;
@group(0) @binding(7) var<storage, read_write> gradients: array<f32>;

@compute @workgroup_size(64)
fn hmc_select(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) group_count: vec3u) {
  for (var i = id.x; i < params.rows * params.r; i += group_count.x * 64u) {
    let taken = outcomes[2u * (i / params.r) + 1u] == 1.0;
    positions[i] = select(positions[i], moved[i], taken);
    momenta[i] = select(-momenta[i], kicked[i], taken);
    gradients[i] = select(gradients[i], sloped[i], taken);
  }
}
