// out[i] = old out[i] + Σ_s parts[s, i],  i < size;  column_sums[j] = old column_sums[j] + Σ_s parts[s, size + j],  j < columns
//   parts [splits, size + columns], what conv2d_weight_* leave        out [size]        column_sums [columns], with COLUMN_SUMS
// The old values count with ACCUMULATE only. An element an invocation; one workgroup: 64 of them at a time.
// Numeric strategy: float32, parts in order. Bytes: 4·(splits + 1)·(size + columns). Flops: splits·(size + columns).

struct Params {
  size: u32,
  columns: u32,
  splits: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
@group(0) @binding(3) var<storage, read_write> column_sums: array<f32>;

override ACCUMULATE: u32 = 0u;
override COLUMN_SUMS: u32 = 0u;

@compute @workgroup_size(64)
fn conv2d_weight_sum(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stride = params.size + params.columns;
  let count = select(params.size, stride, COLUMN_SUMS == 1u);
  for (var i = id.x; i < count; i += groups.x * 64u) {
    var sum = 0.0;
    for (var s = 0u; s < params.splits; s++) {
      sum += parts[s * stride + i];
    }
    if (i < params.size) {
      if (ACCUMULATE == 1u) {
        sum += out[i];
      }
      out[i] = sum;
    } else {
      let j = i - params.size;
      if (ACCUMULATE == 1u) {
        sum += column_sums[j];
      }
      column_sums[j] = sum;
    }
  }
}
