// out = value, everywhere.
//   out  [count], any shape
// One workgroup writes 64 elements at a time. Bytes: 4·count. Flops: 0.

struct Params {
  count: u32,
  value: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn fill(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < params.count; i += groups.x * 64u) {
    out[i] = params.value;
  }
}
