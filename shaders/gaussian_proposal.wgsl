// Latents drawn from a Gaussian proposal of each observation, and their log-densities:
//   x_k = μ + T ε_k      log q(x_k) = −½‖ε_k‖² − Σ_i log T_ii − (r/2) log 2π      q = N(μ, T Tᵀ), T lower triangular
//   proposals  [n, r + r(r+1)/2]: μ, then the rows of T up to the diagonal, which holds log T_ii
//   noise, latents  [n·group, r], row-major: ε and x, `group` of them for each observation      log_q  [n·group]
// One workgroup: 64 elements of latents, one to an invocation, which sums its row of T in order; the invocation of an
// x_k's first element sums log q. Numeric strategy: float32. Bytes: 4·n·group·r·(r/2 + 3). Flops: n·group·r·(r + 3).
// Source: docs/mathematics.md §4.

struct Params {
  rows: u32, // n·group
  r: u32,
  group: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> proposals: array<f32>;
@group(0) @binding(2) var<storage, read> noise: array<f32>;
@group(0) @binding(3) var<storage, read_write> latents: array<f32>;
@group(0) @binding(4) var<storage, read_write> log_q: array<f32>;

const HALF_LOG_TWO_PI: f32 = 0.9189385332046727;

@compute @workgroup_size(64)
fn gaussian_proposal(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) group_count: vec3u) {
  let r = params.r;
  let width = r + r * (r + 1u) / 2u;
  for (var at = id.x; at < params.rows * r; at += group_count.x * 64u) {
    let row = at / r;
    let i = at % r;
    let proposal = row / params.group * width;
    let factor = proposal + r + i * (i + 1u) / 2u;
    var x = proposals[proposal + i];
    for (var j = 0u; j < i; j++) {
      x += proposals[factor + j] * noise[row * r + j];
    }
    latents[at] = x + exp(proposals[factor + i]) * noise[at];
    if (i == 0u) {
      var sum = f32(r) * HALF_LOG_TWO_PI;
      for (var j = 0u; j < r; j++) {
        let e = noise[row * r + j];
        sum += 0.5 * (e * e) + proposals[proposal + r + j * (j + 3u) / 2u];
      }
      log_q[row] = -sum;
    }
  }
}
