// out = Σ_s parts[s]
//   parts  [parts, m, d], what entropic_objective_gradient_tile leaves for parts of the data      out  [m, d]
// An element an invocation; one workgroup: 64 of them at a time.
// Numeric strategy: float32, parts in order. Grid: ⌈m·d/64⌉ workgroups, or fewer that go on.
// Bytes: 4·(parts + 1)·m·d. Flops: parts·m·d.

struct Params {
  count: u32, // m·d
  parts: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn entropic_objective_gradient_sum(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < params.count; i += groups.x * 64u) {
    var sum = 0.0;
    for (var s = 0u; s < params.parts; s++) {
      sum += parts[s * params.count + i];
    }
    out[i] = sum;
  }
}
