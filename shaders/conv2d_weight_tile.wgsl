// parts[s, (u, v, c), f] = Σ_{p in part s} image[b, r·stride − pad_top + u, q·stride − pad_left + v, c] · windows[p, f]
// and, with COLUMN_SUMS, parts[s, m + …, f] = Σ_{p in part s} windows[p, f];  p = (b, r, q), `each` of them a part
//   image   [batch, height, width, channels], zero outside                      (NHWC)
//   windows [count, n], count = batch·rows·columns
//   parts   [parts, m + 1, n], m = kernel·kernel·channels: the gradient of a convolution's weights in pieces, and of its bias
// The variant for GPUs. One workgroup of 16 × 16 invocations has a tile of 64 weights × 64 filters of one part, 4 × 4 an
// invocation; 16 windows at a time are gathered into workgroup memory. Numeric strategy: float32, summed over windows in order.
// Grid: ⌈m/64⌉·⌈n/64⌉ × parts workgroups. Bytes: 4·m·n·count/32 read, 4·parts·m·n written. Flops: 2·m·n·count.

struct Params {
  m: u32, // weights of a filter, kernel·kernel·channels
  n: u32, // filters
  count: u32, // windows
  each: u32, // windows of a part, a multiple of 4
  height: u32,
  width: u32,
  channels: u32,
  rows: u32,
  columns: u32,
  kernel: u32,
  stride: u32,
  pad_top: u32,
  pad_left: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> image: array<f32>;
@group(0) @binding(2) var<storage, read> windows: array<f32>;
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;

override COLUMN_SUMS: u32 = 0u;

const STEP = 16u;
var<workgroup> image_tile: array<f32, 1024>; // [STEP, 64 weights]
var<workgroup> window_tile: array<f32, 1024>; // [STEP, 64 filters]

@compute @workgroup_size(256)
fn conv2d_weight_tile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let tiles_across = (params.n + 63u) / 64u;
  let column = (group.x % tiles_across) * 64u;
  let row = (group.x / tiles_across) * 64u;
  let begin = group.y * params.each;
  let end = min(begin + params.each, params.count);
  let row_floats = i32(params.width * params.channels);
  // Each invocation gathers for one weight and brings the values of one filter, four of each a step.
  let segment = params.kernel * params.channels;
  let weight = min(row + index % 64u, params.m - 1u);
  let tap_y = i32(weight / segment) - i32(params.pad_top);
  let tap_x = i32(weight % segment) - i32(params.pad_left * params.channels);
  let filter_index = min(column + index % 64u, params.n - 1u);
  let lane_row = (index / 16u) * 4u;
  let lane_column = (index % 16u) * 4u;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  var column_sums = vec4f();
  for (var start = begin; start < end; start += STEP) {
    for (var i = index / 64u; i < STEP; i += 4u) {
      let p = start + i;
      let rest = p / params.columns;
      let y = i32((rest % params.rows) * params.stride) + tap_y;
      let x = i32((p % params.columns) * params.stride * params.channels) + tap_x;
      var value = 0.0;
      var factor = 0.0;
      if (p < end) {
        factor = windows[p * params.n + filter_index];
        if (y >= 0 && y < i32(params.height) && x >= 0 && x < row_floats) {
          value = image[(i32((rest / params.rows) * params.height) + y) * row_floats + x];
        }
      }
      image_tile[i * 64u + index % 64u] = value;
      window_tile[i * 64u + index % 64u] = factor;
    }
    workgroupBarrier();
    for (var i = 0u; i < STEP; i++) {
      let b = i * 64u + lane_column;
      let a = i * 64u + lane_row;
      let factors = vec4f(window_tile[b], window_tile[b + 1u], window_tile[b + 2u], window_tile[b + 3u]);
      sum0 += image_tile[a] * factors;
      sum1 += image_tile[a + 1u] * factors;
      sum2 += image_tile[a + 2u] * factors;
      sum3 += image_tile[a + 3u] * factors;
      if (COLUMN_SUMS == 1u) {
        column_sums += factors;
      }
    }
    workgroupBarrier();
  }
  let sums = array<vec4f, 4>(sum0, sum1, sum2, sum3);
  let part = group.y * (params.m + 1u) * params.n;
  for (var c = 0u; c < 4u; c++) {
    let to = column + lane_column + c;
    if (to < params.n) {
      for (var r = 0u; r < 4u; r++) {
        let at = row + lane_row + r;
        if (at < params.m) {
          parts[part + at * params.n + to] = sums[r][c];
        }
      }
      if (COLUMN_SUMS == 1u && row + lane_row == 0u) {
        parts[part + params.m * params.n + to] = column_sums[c];
      }
    }
  }
}
