// out_r = Σ_c a_rc·b_rc (+ bias): the dot product of each row of a with the row of b.
//   a, b  [rows, columns], row-major      bias  [1], read where HAS_BIAS      out  [rows, 1]
// One workgroup: 64 invocations sum the products of a row, each every 64th in order, and a fixed tree in workgroup memory
// brings them together; then it takes the row as many workgroups further on.
// Numeric strategy: float32. Bytes: 4·rows·(2·columns + 1). Flops: 2·rows·columns.
// Source: the definition.
// lib: workgroup_sum

struct Params {
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;
@group(0) @binding(2) var<storage, read> b: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

override HAS_BIAS: bool = false;

@compute @workgroup_size(64)
fn row_dot(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  for (var row = group.x; row < params.rows; row += groups.x) {
    let first = row * params.columns;
    var sum = 0.0;
    for (var column = lane; column < params.columns; column += 64u) {
      sum += a[first + column] * b[first + column];
    }
    let total = workgroup_sum(lane, sum);
    if (lane == 0u) {
      var shift = 0.0;
      if (HAS_BIAS) {
        shift = bias[0];
      }
      out[row] = total + shift;
    }
  }
}
