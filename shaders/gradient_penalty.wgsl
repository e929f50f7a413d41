// How far the gradients g_r of a critic are from norm 1, and the gradient of that:
//   values_r = (‖g_r‖ − 1)²      out_rc = scale·∂values_r/∂g_rc = 2·scale·(1 − 1/‖g_r‖)·g_rc, 0 where g_r = 0
//   g, out  [rows, columns], row-major      values  [rows]
// One workgroup: 64 invocations sum the squares of a row, each every 64th in order, and a fixed tree in workgroup memory
// brings them together; then each writes the values it read. It goes on with the row as many workgroups further on.
// Numeric strategy: float32; squares below 1e-38 vanish, which a norm that should be 1 does not come near.
// Bytes: 8·rows·columns. Flops: 4·rows·columns.
// Source: Gulrajani et al., "Improved training of Wasserstein GANs", NeurIPS 2017.
// lib: workgroup_sum

struct Params {
  rows: u32,
  columns: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> g: array<f32>;
@group(0) @binding(2) var<storage, read_write> values: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn gradient_penalty(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  for (var row = group.x; row < params.rows; row += groups.x) {
    let first = row * params.columns;
    var sum = 0.0;
    for (var column = lane; column < params.columns; column += 64u) {
      let value = g[first + column];
      sum += value * value;
    }
    let norm = sqrt(workgroup_sum(lane, sum));
    let excess = norm - 1.0;
    let factor = select(0.0, 2.0 * params.scale * excess / norm, norm > 0.0);
    for (var column = lane; column < params.columns; column += 64u) {
      out[first + column] = factor * g[first + column];
    }
    if (lane == 0u) {
      values[row] = excess * excess;
    }
  }
}
