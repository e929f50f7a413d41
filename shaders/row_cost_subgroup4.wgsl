enable subgroups;

// The cost of every generated sample to the observation that it belongs to:
//   out_i = scale · Σ_c |y_c − g_ic|  or  scale · Σ_c (y_c − g_ic)²,   y the row ⌊i/group⌋ of the observations
//   observations  [rows/group, columns]      generated  [rows, columns], row-major      out  [rows]
// The variant for subgroups of exactly four lanes (CPU adapters), which barriers cost a hundred times what arithmetic does: one
// workgroup is one subgroup, sums a row, each lane every fourth term in order, and goes on as many workgroups further on.
// Numeric strategy: float32, differences first. Bytes: 8·rows·columns. Flops: 3·rows·columns. Source: docs/mathematics.md §1.

struct Params {
  rows: u32,
  columns: u32,
  group: u32, // generated samples of each observation
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> observations: array<f32>;
@group(0) @binding(2) var<storage, read> generated: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

override ABSOLUTE: u32 = 0u; // 1 sums |y − g|, 0 (y − g)²

@compute @workgroup_size(4)
fn row_cost_subgroup4(
  @builtin(workgroup_id) group_index: vec3u,
  @builtin(num_workgroups) group_count: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  for (var row = group_index.x; row < params.rows; row += group_count.x) {
    let y = row / params.group * params.columns;
    let g = row * params.columns;
    var sum = 0.0;
    for (var column = lane; column < params.columns; column += 4u) {
      let e = observations[y + column] - generated[g + column];
      sum += select(e * e, abs(e), ABSOLUTE == 1u);
    }
    sum += subgroupShuffleXor(sum, 1u);
    sum += subgroupShuffleXor(sum, 2u);
    if (lane == 0u) {
      out[row] = params.scale * sum;
    }
  }
}
