// out = a + b, element by element.
//   a, b, out  [count], any shape, the same for all three
// One workgroup adds 64 × 4 consecutive elements. Bytes: 12·count. Flops: count.

struct Params {
  count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn add(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stride = groups.x * 64u;
  for (var i = id.x; i < params.count; i += stride) {
    out[i] = a[i] + b[i];
  }
}
