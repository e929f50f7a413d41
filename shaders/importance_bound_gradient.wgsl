// How the loss −mean bound falls with the latents directly, the proposals held, by the doubly reparameterised estimator:
//   grad_latents_k = (w_k²/n)·(x_k + ∂log q(x_k)/∂x)      ∂log q/∂x = −T⁻ᵀ ε_k where x_k = μ + T ε_k
// (through the costs it falls by grad_cost, which importance_bound leaves).
//   proposals  [n, r + r(r+1)/2]: μ, then the rows of T up to the diagonal, which holds log T_ii
//   noise, latents, grad_latents  [n·group, r], row-major: ε, x and the gradient      grad_cost  [n·group]: w²/(λ n)
// One workgroup: 64 latents, one to an invocation, which solves Tᵀz = ε from the last element up, z in grad_latents.
// Numeric strategy: float32. Bytes: 4·n·group·r·(r + 4). Flops: n·group·r·(r + 4).
// Source: Tucker, Lawson, Gu & Maddison, "Doubly reparameterized gradient estimators for Monte Carlo objectives", ICLR 2019.

struct Params {
  rows: u32, // n·group
  group: u32,
  r: u32,
  lambda: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> proposals: array<f32>;
@group(0) @binding(2) var<storage, read> noise: array<f32>;
@group(0) @binding(3) var<storage, read> latents: array<f32>;
@group(0) @binding(4) var<storage, read> grad_cost: array<f32>;
@group(0) @binding(5) var<storage, read_write> grad_latents: array<f32>;

@compute @workgroup_size(64)
fn importance_bound_gradient(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let r = params.r;
  for (var row = id.x; row < params.rows; row += groups.x * 64u) {
    let factor = row / params.group * (r + r * (r + 1u) / 2u) + r;
    let first = row * r;
    for (var left = r; left > 0u; left--) {
      let i = left - 1u;
      var z = noise[first + i];
      for (var j = left; j < r; j++) {
        z -= proposals[factor + j * (j + 1u) / 2u + i] * grad_latents[first + j];
      }
      grad_latents[first + i] = z * exp(-proposals[factor + i * (i + 3u) / 2u]);
    }
    let weight = params.lambda * grad_cost[row];
    for (var i = 0u; i < r; i++) {
      grad_latents[first + i] = weight * (latents[first + i] - grad_latents[first + i]);
    }
  }
}
