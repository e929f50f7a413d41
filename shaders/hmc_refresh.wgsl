// Momenta partly drawn anew, in place: the less time a transition takes, the more they go on as they were.
//   p ← α·p + √(1 − α²)·n,  α = 1/(1 + rate·ε),  ε = step_sizes[first + ⌊chain/group⌋];  or, all anew, p ← n
//   noise, momenta  [rows, r], row-major, a chain a row: n ~ N(0, I), p
//   step_sizes  [any, rows/group]: one for each group of chains; `first` is where the row in use begins
// One workgroup: 64 elements, one to an invocation. Numeric strategy: float32, √(1 − α²) = α√(rate·ε·(2 + rate·ε)) without
// cancellation. Bytes: 12·rows·r. Flops: 12·rows·r. Source: Horowitz, "A generalized guided Monte Carlo algorithm", 1991.

struct Params {
  rows: u32,
  r: u32,
  group: u32, // chains that share a step size
  first: u32,
  rate: f32,
  anew: u32, // 1 draws all of the momenta
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> noise: array<f32>;
@group(0) @binding(2) var<storage, read> step_sizes: array<f32>;
@group(0) @binding(3) var<storage, read_write> momenta: array<f32>;

@compute @workgroup_size(64)
fn hmc_refresh(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) group_count: vec3u) {
  for (var i = id.x; i < params.rows * params.r; i += group_count.x * 64u) {
    let size = step_sizes[params.first + i / (params.r * params.group)];
    let u = params.rate * size;
    let kept = (momenta[i] + sqrt(u * (2.0 + u)) * noise[i]) / (1.0 + u);
    momenta[i] = select(kept, noise[i], params.anew == 1u);
  }
}
