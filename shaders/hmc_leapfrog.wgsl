// A kick of the momenta and a drift of the positions: a leapfrog step of Hamiltonian Monte Carlo on U(x) = strength·l(x) + ½‖x‖²,
//   p′ = p − kick·ε·(x + strength·g)      x′ = x + drift·ε·p′      ε = scale·step_sizes[first + ⌊chain/group⌋]
//   positions, momenta, gradients  [rows, r], row-major, a chain a row: x, p, g = ∂l/∂x      moved, kicked  [rows, r]: x′, p′
//   step_sizes  [any, rows/group]: one for each group of chains; `first` is where the row in use begins
// One workgroup: 64 elements, one to an invocation. Numeric strategy: float32. Bytes: 20·rows·r. Flops: 8·rows·r.
// Source: Neal, "MCMC using Hamiltonian dynamics", Handbook of Markov Chain Monte Carlo, 2011.

struct Params {
  rows: u32,
  r: u32,
  group: u32, // chains that share a step size
  first: u32,
  strength: f32,
  scale: f32,
  kick: f32, // 1, or ½ at both ends of a trajectory
  drift: f32, // 1, or 0 at its end
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> positions: array<f32>;
@group(0) @binding(2) var<storage, read> momenta: array<f32>;
@group(0) @binding(3) var<storage, read> gradients: array<f32>;
@group(0) @binding(4) var<storage, read> step_sizes: array<f32>;
@group(0) @binding(5) var<storage, read_write> moved: array<f32>;
@group(0) @binding(6) var<storage, read_write> kicked: array<f32>;

@compute @workgroup_size(64)
fn hmc_leapfrog(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) group_count: vec3u) {
  for (var i = id.x; i < params.rows * params.r; i += group_count.x * 64u) {
    let size = params.scale * step_sizes[params.first + i / (params.r * params.group)];
    let x = positions[i];
    let p = momenta[i] - params.kick * size * (x + params.strength * gradients[i]);
    kicked[i] = p;
    moved[i] = x + params.drift * size * p;
  }
}
