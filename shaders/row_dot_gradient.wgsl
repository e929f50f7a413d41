// out_rc = g_r·x_rc: each row of x times a number of its own, the gradient of the rows' dot products with x.
//   x, out  [rows, columns], row-major      g  [rows]
// One workgroup makes 64 consecutive values at a time. Bytes: 4·rows·(2·columns + 1). Flops: rows·columns.
// Source: the definition.

struct Params {
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn row_dot_gradient(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < params.rows * params.columns; i += groups.x * 64u) {
    out[i] = g[i / params.columns] * x[i];
  }
}
