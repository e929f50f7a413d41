// out_r = Σ_c x_rc, the mean of row r, or its maximum.
//   x  [rows, columns], row-major      out  [rows]
// One workgroup: 64 invocations reduce a row, each every 64th value in order, and a fixed tree in workgroup memory brings
// their 64 results together; then it takes the row as many workgroups further on.
// Numeric strategy: float32; the maximum starts from the lowest finite number. Bytes: 4·rows·(columns + 1). Flops: rows·columns.
// Source: the definition.

struct Params {
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

override KIND: u32 = 0u; // 0 sum, 1 mean, 2 maximum

const LOWEST: f32 = -3.4028234e38;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn reduce_rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  for (var row = group.x; row < params.rows; row += groups.x) {
    var total = select(0.0, LOWEST, KIND == 2u);
    for (var column = lane; column < params.columns; column += 64u) {
      total = together(total, x[row * params.columns + column]);
    }
    partial[lane] = total;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half = half / 2u) {
      if (lane < half) {
        partial[lane] = together(partial[lane], partial[lane + half]);
      }
      workgroupBarrier();
    }
    if (lane == 0u) {
      out[row] = partial[0] / select(1.0, f32(params.columns), KIND == 1u);
    }
  }
}

fn together(a: f32, b: f32) -> f32 {
  if (KIND == 2u) {
    return max(a, b);
  }
  return a + b;
}
