// out[i] = old out[i] + Σ_s parts[s, i],  i < size;  column_sums[j] = old column_sums[j] + Σ_s parts[s, size + j],  j < columns
//   parts [splits, size + columns], what conv2d_weight_* leave        out [size]        column_sums [columns], with COLUMN_SUMS
// The old values count with ACCUMULATE only. One workgroup: 64 elements at a time, one an invocation; with LANES > 1, where there
// are many parts of few elements, 64/LANES, and that many invocations share a sum.
// Numeric strategy: float32, LANES sums over every LANES-th part in order, added in order.
// Bytes: 4·(splits + 1)·(size + columns). Flops: splits·(size + columns).

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

const LANES: u32 = 1u; // specialised: a power of two up to 64
const ELEMENTS: u32 = 64u / LANES;

var<workgroup> sums: array<f32, 64>; // [LANES, ELEMENTS]

@compute @workgroup_size(64)
fn conv2d_weight_sum(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) index: u32,
) {
  let stride = params.size + params.columns;
  let count = select(params.size, stride, COLUMN_SUMS == 1u);
  for (var first = group.x * ELEMENTS; first < count; first += groups.x * ELEMENTS) {
    let i = first + index % ELEMENTS;
    var sum = 0.0;
    if (i < count) {
      for (var s = index / ELEMENTS; s < params.splits; s += LANES) {
        sum += parts[s * stride + i];
      }
    }
    if (LANES > 1u) {
      sums[index] = sum;
      workgroupBarrier();
      if (index < ELEMENTS) {
        for (var l = 1u; l < LANES; l++) {
          sum += sums[l * ELEMENTS + index];
        }
      }
      workgroupBarrier();
    }
    if (index < ELEMENTS && i < count) {
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
}
