// out = dy ⊙ f'(x), with the derivative taken from the output y = f(x).
//   dy, y, out  [count], any shape, the same for all
// One workgroup takes 64 elements at a time. Bytes: 12·count. Flops: about 10·count.
// lib: activation

struct Params {
  count: u32,
  slope: f32, // of leaky ReLU below zero
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override ACTIVATION: u32 = 0u; // numbers of lib/activation.wgsl

@compute @workgroup_size(64)
fn activation_gradient(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < params.count; i += groups.x * 64u) {
    out[i] = dy[i] * activation_derivative(ACTIVATION, y[i], params.slope);
  }
}
