// out_rc = x_rc/‖x_r‖, 0 where ‖x_r‖ < 1e-12: rows of length 1, for the cosine cost.
//   x, out  [rows, columns], row-major      norms  [rows]: ‖x_r‖, 0 for rows that count as zero
// One workgroup: 64 invocations sum the squares of a row, each every 64th in order, and a fixed tree in workgroup memory
// brings them together; then each writes the values it read. It goes on with the row as many workgroups further on.
// Numeric strategy: float32; a sum of squares that overflows is handed on in the place of the row, so that what is computed
// from it is not finite either. Bytes: 8·rows·columns. Flops: 3·rows·columns.
// Source: the definition.
// lib: finite workgroup_sum

struct Params {
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read_write> norms: array<f32>;

const SHORTEST: f32 = 1e-12;

@compute @workgroup_size(64)
fn normalise_rows(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  for (var row = group.x; row < params.rows; row += groups.x) {
    let first = row * params.columns;
    var sum = 0.0;
    for (var column = lane; column < params.columns; column += 64u) {
      let value = x[first + column];
      sum += value * value;
    }
    let total = workgroup_sum(lane, sum);
    let norm = sqrt(total);
    let is_zero = norm < SHORTEST;
    for (var column = lane; column < params.columns; column += 64u) {
      let unit = select(x[first + column] / norm, 0.0, is_zero);
      out[first + column] = select(total, unit, is_finite(total));
    }
    if (lane == 0u) {
      norms[row] = select(norm, 0.0, is_zero);
    }
  }
}
