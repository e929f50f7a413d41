// out_rc = scale·g_r, or scale·g_c: the gradient of a sum (scale 1) or mean (scale 1/count) over rows or columns.
//   g  [rows], or, with ALONG_ROWS, [columns]      out  [rows, columns], row-major
// One workgroup writes 64 consecutive values at a time. Bytes: 4·rows·columns. Flops: rows·columns.

struct Params {
  rows: u32,
  columns: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

override ALONG_ROWS: u32 = 0u;

@compute @workgroup_size(64)
fn reduce_spread(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < params.rows * params.columns; i += groups.x * 64u) {
    out[i] = params.scale * g[select(i / params.columns, i % params.columns, ALONG_ROWS == 1u)];
  }
}
