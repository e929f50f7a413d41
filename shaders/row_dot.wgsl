// out_r = Σ_c a_rc·b_rc (+ bias): the dot product of each row of a with the row of b.
//   a, b  [rows, columns], row-major      bias  [1], read where HAS_BIAS      out  [rows, 1]
// One workgroup: 64 invocations take 64/LANES rows at a time, LANES of them a row, each every LANES-th product in order, and a
// fixed tree in workgroup memory brings theirs together. It goes on with the rows as many workgroups further on. With one lane
// a row, as on software adapters, where barriers are dear, nothing is brought together.
// Numeric strategy: float32. Bytes: 4·rows·(2·columns + 1). Flops: 2·rows·columns.
// Source: the definition.

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
override LANES: u32 = 64u; // a power of two, 64 at most

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn row_dot(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let per_group = 64u / LANES;
  let lane = index % LANES;
  for (var first = group.x * per_group; first < params.rows; first += groups.x * per_group) {
    let row = first + index / LANES;
    var sum = 0.0;
    if (row < params.rows) {
      for (var column = lane; column < params.columns; column += LANES) {
        sum += a[row * params.columns + column] * b[row * params.columns + column];
      }
    }
    if (LANES > 1u) {
      partial[index] = sum;
      workgroupBarrier();
      for (var half = LANES / 2u; half > 0u; half = half / 2u) {
        if (lane < half) {
          partial[index] += partial[index + half];
        }
        workgroupBarrier();
      }
      sum = partial[index];
    }
    if (lane == 0u && row < params.rows) {
      var shift = 0.0;
      if (HAS_BIAS) {
        shift = bias[0];
      }
      out[row] = sum + shift;
    }
  }
}
