// The Wasserstein objective of one critic D and its gradients with respect to the critic's values:
//   J = mean_i D(y_i) − mean_j D(ŷ_j) − weight·mean_k penalty_k        ∂J/∂D(y_i) = 1/n        ∂J/∂D(ŷ_j) = −1/m
//   critic_real  [n]   critic_fake  [m]   penalties  [k], with HAS_PENALTY
//   guard  [4]: word 0, the fault, is not 0 once a gradient or an objective was not finite
//   scalars  [16], as the entropic objective lays them out: J, weight·mean penalty, six zeros for what a coupling would have,
//            mean D(y), mean D(ŷ), 1 if J is finite and no fault is up, and five zeros
//   grad_critic_real  [n]   grad_critic_fake  [m]: sign·∂J
// One workgroup of 64 does it all: each invocation sums every 64th value in order, and a fixed tree brings them together.
// Numeric strategy: float32 means. Bytes: 8·(n + m) + 4·k. Flops: 2·(n + m + k).
// Source: Arjovsky, Chintala & Bottou, "Wasserstein generative adversarial networks", ICML 2017.
// lib: finite

struct Params {
  n: u32,
  m: u32,
  k: u32,
  weight: f32,
  sign: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> critic_real: array<f32>;
@group(0) @binding(2) var<storage, read> critic_fake: array<f32>;
@group(0) @binding(3) var<storage, read> penalties: array<f32>;
@group(0) @binding(4) var<storage, read> guard: array<u32>;
@group(0) @binding(5) var<storage, read_write> scalars: array<f32>;
@group(0) @binding(6) var<storage, read_write> grad_critic_real: array<f32>;
@group(0) @binding(7) var<storage, read_write> grad_critic_fake: array<f32>;

override HAS_PENALTY: u32 = 0u;

const SCALARS: u32 = 16u;

var<workgroup> sums: array<vec3f, 64>; // of D(y), D(ŷ), penalties

@compute @workgroup_size(64)
fn wasserstein(@builtin(local_invocation_index) lane: u32) {
  let n = f32(params.n);
  let m = f32(params.m);
  var sum = vec3f();
  for (var i = lane; i < params.n; i += 64u) {
    sum.x += critic_real[i];
    grad_critic_real[i] = params.sign / n;
  }
  for (var j = lane; j < params.m; j += 64u) {
    sum.y += critic_fake[j];
    grad_critic_fake[j] = -params.sign / m;
  }
  if (HAS_PENALTY == 1u) {
    for (var i = lane; i < params.k; i += 64u) {
      sum.z += penalties[i];
    }
  }
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half = half / 2u) {
    if (lane < half) {
      sums[lane] += sums[lane + half];
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    let means = sums[0] / vec3f(n, m, max(f32(params.k), 1.0));
    let penalty = params.weight * means.z;
    let objective = means.x - means.y - penalty;
    for (var i = 0u; i < SCALARS; i++) {
      scalars[i] = 0.0;
    }
    scalars[0] = objective;
    scalars[1] = penalty;
    scalars[8] = means.x;
    scalars[9] = means.y;
    scalars[10] = select(0.0, 1.0, is_finite(objective) && guard[0] == 0u);
  }
}
