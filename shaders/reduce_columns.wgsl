// out_c = Σ_r x_rc, the mean of column c, or its maximum.
//   x  [rows, columns], row-major      out  [columns]
// One workgroup: ACROSS neighbouring columns, 64 / ACROSS invocations to a column, each every so many-th value in order; then
// a fixed tree in workgroup memory brings them together. It goes on with the columns as many workgroups further on.
// Numeric strategy: float32; the maximum starts from the lowest finite number. Bytes: 4·(rows + 1)·columns. Flops: rows·columns.
// Source: the definition.

struct Params {
  rows: u32,
  columns: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

override KIND: u32 = 0u; // 0 sum, 1 mean, 2 maximum
override ACROSS: u32 = 16u; // a power of two, 64 at most

const LOWEST: f32 = -3.4028234e38;

var<workgroup> partial: array<f32, 64>; // [64 / ACROSS][ACROSS]

@compute @workgroup_size(64)
fn reduce_columns(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  for (var first = group.x * ACROSS; first < params.columns; first += groups.x * ACROSS) {
    let column = first + lane % ACROSS;
    var total = select(0.0, LOWEST, KIND == 2u);
    if (column < params.columns) {
      for (var row = lane / ACROSS; row < params.rows; row += 64u / ACROSS) {
        total = together(total, x[row * params.columns + column]);
      }
    }
    partial[lane] = total;
    workgroupBarrier();
    for (var half = 32u; half >= ACROSS; half = half / 2u) {
      if (lane < half) {
        partial[lane] = together(partial[lane], partial[lane + half]);
      }
      workgroupBarrier();
    }
    if (lane < ACROSS && column < params.columns) {
      out[column] = partial[lane] / select(1.0, f32(params.rows), KIND == 1u);
    }
  }
}

fn together(a: f32, b: f32) -> f32 {
  if (KIND == 2u) {
    return max(a, b);
  }
  return a + b;
}
