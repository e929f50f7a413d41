// dx_r = (g_r − u_r·(u_r·g_r))/‖x_r‖, 0 for rows that count as zero: the gradient of u = x/‖x‖ by rows.
//   g, u, dx  [rows, columns], row-major      norms  [rows]: ‖x_r‖, 0 for rows that count as zero
// One workgroup: 64 invocations sum the products of a row, each every 64th in order, and a fixed tree in workgroup memory
// brings them together; then each writes the values it read. It goes on with the row as many workgroups further on.
// Numeric strategy: float32; what is left of g is orthogonal to u. Bytes: 20·rows·columns. Flops: 5·rows·columns.
// Source: the definition.
// lib: workgroup_sum

struct Params {
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read> u: array<f32>;
@group(0) @binding(3) var<storage, read> norms: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

@compute @workgroup_size(64)
fn normalise_rows_gradient(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  for (var row = group.x; row < params.rows; row += groups.x) {
    let first = row * params.columns;
    var sum = 0.0;
    for (var column = lane; column < params.columns; column += 64u) {
      sum += u[first + column] * g[first + column];
    }
    let along = workgroup_sum(lane, sum);
    let norm = norms[row];
    for (var column = lane; column < params.columns; column += 64u) {
      let across = g[first + column] - along * u[first + column];
      dx[first + column] = select(0.0, across / norm, norm > 0.0);
    }
  }
}
