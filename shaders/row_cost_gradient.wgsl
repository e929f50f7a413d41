// The gradient of row_cost with respect to the generated samples:
//   dg_ic = scale · upstream_i · sign(g_ic − y_c)  or  2 · scale · upstream_i · (g_ic − y_c),   sign 0 at ties
//   observations  [rows/group, columns]      generated, dg  [rows, columns], row-major      upstream  [rows]
// One workgroup: 64 elements, one to an invocation. Bytes: 12·rows·columns. Flops: 3·rows·columns.

struct Params {
  rows: u32,
  columns: u32,
  group: u32, // generated samples of each observation
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> observations: array<f32>;
@group(0) @binding(2) var<storage, read> generated: array<f32>;
@group(0) @binding(3) var<storage, read> upstream: array<f32>;
@group(0) @binding(4) var<storage, read_write> dg: array<f32>;

override ABSOLUTE: u32 = 0u; // 1 for |y − g|, 0 for (y − g)²

@compute @workgroup_size(64)
fn row_cost_gradient(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) group_count: vec3u) {
  let count = params.rows * params.columns;
  for (var i = id.x; i < count; i += group_count.x * 64u) {
    let row = i / params.columns;
    let e = generated[i] - observations[row / params.group * params.columns + i % params.columns];
    dg[i] = params.scale * upstream[row] * select(2.0 * e, sign(e), ABSOLUTE == 1u);
  }
}
