// out = g ⊙ dy ⊙ ∂f'/∂y: the gradient with respect to y of dy ⊙ f'(y), where g is the gradient of that product.
//   g, dy, y, out  [count], any shape, the same for all; y are outputs of the activation f
// One workgroup takes 64 elements at a time. Bytes: 16·count. Flops: about 10·count.
// Source: the definition; sigmoid 1 − 2y, tanh −2y, softplus e⁻ʸ, and 0 for those that are linear in pieces.
// lib: activation

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read> y: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

override ACTIVATION: u32 = 0u; // numbers of lib/activation.wgsl

@compute @workgroup_size(64)
fn activation_curvature(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < params.count; i += groups.x * 64u) {
    out[i] = g[i] * dy[i] * activation_curvature_at(ACTIVATION, y[i]);
  }
}
