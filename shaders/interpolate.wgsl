// out_rc = ε_r·a_rc + (1 − ε_r)·b_rc: a point between the rows of two matrices for each pair of them.
//   a, b, out  [rows, columns], row-major      epsilon  [rows]
// One workgroup makes 64 consecutive values at a time. Bytes: 12·rows·columns. Flops: 4·rows·columns.
// Source: the samples that the gradient penalty is taken at, Gulrajani et al., NeurIPS 2017.

struct Params {
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> epsilon: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn interpolate(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < params.rows * params.columns; i += groups.x * 64u) {
    let share = epsilon[i / params.columns];
    out[i] = share * a[i] + (1.0 - share) * b[i];
  }
}
