// Whether each chain takes the end of its trajectory, with the probability that leaves exp(−U), U(x) = strength·l(x) + ½‖x‖², invariant:
//   ΔH = strength·(l′ − l) + ½ Σ_i [(x′_i − x_i)(x′_i + x_i) + (p′_i − p_i)(p′_i + p_i)]
//   a = min(1, exp(−ΔH)), and 0 where ΔH is not finite      taken = u ≤ a
//   positions, momenta, costs  [rows, r], [rows, r], [rows]: x, p, l before      moved, kicked, reached: x′, p′, l′ after
//   uniforms  [rows], in (0, 1]      outcomes  [rows, 2]: a, and 1 where taken, else 0
// One workgroup: 64 chains, one to an invocation, which sums its row in order. Numeric strategy: float32; squares are
// differences first, since what is left of them is small. Bytes: 16·rows·r. Flops: 8·rows·r.
// Source: Duane, Kennedy, Pendleton & Roweth, "Hybrid Monte Carlo", 1987.
// lib: finite

struct Params {
  rows: u32,
  r: u32,
  strength: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<f32>;
@group(0) @binding(2) var<storage, read> momenta: array<f32>;
@group(0) @binding(3) var<storage, read> costs: array<f32>;
@group(0) @binding(4) var<storage, read> moved: array<f32>;
@group(0) @binding(5) var<storage, read> kicked: array<f32>;
@group(0) @binding(6) var<storage, read> reached: array<f32>;
@group(0) @binding(7) var<storage, read> uniforms: array<f32>;
@group(0) @binding(8) var<storage, read_write> outcomes: array<f32>;

const LEAST_EXPONENT: f32 = -80.0; // below any uniform, and still a normal float32

@compute @workgroup_size(64)
fn hmc_accept(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) group_count: vec3u) {
  for (var row = id.x; row < params.rows; row += group_count.x * 64u) {
    var sum = 0.0;
    for (var i = row * params.r; i < (row + 1u) * params.r; i++) {
      let x = moved[i];
      let p = kicked[i];
      sum += (x - positions[i]) * (x + positions[i]) + (p - momenta[i]) * (p + momenta[i]);
    }
    let change = params.strength * (reached[row] - costs[row]) + 0.5 * sum;
    var chance = 0.0;
    if (is_finite(change)) {
      chance = exp(clamp(-change, LEAST_EXPONENT, 0.0));
    }
    outcomes[2u * row] = chance;
    outcomes[2u * row + 1u] = select(0.0, 1.0, uniforms[row] <= chance);
  }
}
