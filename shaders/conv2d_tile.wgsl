// out = act( (old out + Σ_{u,v,c} image[b, r·stride − pad_top + u, q·stride − pad_left + v, c] · weight[u, v, c, :] + bias) ⊙ act'(gate) )
//   image  [batch, height, width, channels], zero outside                      (NHWC)
//   weight [tap_rows, tap_columns, channels, n]        windows (r, q): rows × columns of each image, m = batch·rows·columns
//   out    [m, n]; with BLOCK = s > 1 (transposed convolution) [batch, out_height, out_width, out_channels] instead, where
//          n = s·s·out_channels and window (r, q) gives the pixels r·s … r·s + s−1 by q·s … q·s + s−1 (lib/conv2d_epilogue)
//   bias   [out_channels], with HAS_BIAS               gate like out, with GATE: outputs of the activation whose derivative it is
//   with ACCUMULATE the sum is added to what is in out
// The variant for GPUs. One workgroup of 16 × 16 invocations has a tile of 64 windows × 64 outputs, 4 × 4 an invocation;
// 16 values under the windows at a time are gathered into workgroup memory beside their weights, so that no column matrix is
// ever made. Numeric strategy: float32, summed over (u, v, c) in order. Grid: ⌈m/64⌉·⌈n/64⌉ workgroups, 1024 a row.
// Bytes: 4·m·n·k/32 read, 4·m·n written, k = tap_rows·tap_columns·channels. Flops: 2·m·n·k.
// lib: activation conv2d_epilogue

struct Params {
  m: u32, // windows, batch·rows·columns
  n: u32, // outputs of a window
  height: u32,
  width: u32,
  channels: u32,
  rows: u32,
  columns: u32,
  tap_rows: u32,
  tap_columns: u32,
  stride: u32,
  pad_top: u32,
  pad_left: u32,
  out_height: u32,
  out_width: u32,
  out_channels: u32,
  activation_slope: f32,
  gate_slope: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> image: array<f32>;
@group(0) @binding(2) var<storage, read> weight: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read> gate: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

override BLOCK: u32 = 1u; // pixels of the output image that a window gives, on a side
override HAS_BIAS: u32 = 0u;
override ACTIVATION: u32 = 0u; // numbers of lib/activation.wgsl
override ACCUMULATE: u32 = 0u;
override GATE: u32 = 0u;
const GRID_WIDTH = 1024u; // workgroups across the grid, which goes on below

const STEP = 16u;
var<workgroup> image_tile: array<f32, 1024>; // [STEP, 64 windows]
var<workgroup> weight_tile: array<f32, 1024>; // [STEP, 64 outputs]

@compute @workgroup_size(256)
fn conv2d_tile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let tiles_across = (params.n + 63u) / 64u;
  let nth = group.y * GRID_WIDTH + group.x;
  let column = (nth % tiles_across) * 64u;
  let row = (nth / tiles_across) * 64u;
  if (row >= params.m) {
    return;
  }
  let segment = params.tap_columns * params.channels; // values under one row of taps
  let depth = params.tap_rows * segment;
  // Each invocation gathers for one window and brings weights of one output, four values of each a step.
  let window = min(row + index % 64u, params.m - 1u);
  let rest = window / params.columns;
  let y = i32((rest % params.rows) * params.stride) - i32(params.pad_top);
  let x = (i32((window % params.columns) * params.stride) - i32(params.pad_left)) * i32(params.channels);
  let row_floats = i32(params.width * params.channels);
  let first = i32((rest / params.rows) * params.height) * row_floats;
  let output = min(column + index % 64u, params.n - 1u);
  let lane_row = (index / 16u) * 4u;
  let lane_column = (index % 16u) * 4u;
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  for (var start = 0u; start < depth; start += STEP) {
    for (var i = index / 64u; i < STEP; i += 4u) {
      let k = start + i;
      let tap = k / segment;
      let down = y + i32(tap);
      let across = x + i32(k - tap * segment);
      let inside = k < depth && down >= 0 && down < i32(params.height) && across >= 0 && across < row_floats;
      var value = 0.0;
      var factor = 0.0;
      if (inside) {
        value = image[first + down * row_floats + across];
      }
      if (k < depth) {
        factor = weight[k * params.n + output];
      }
      image_tile[i * 64u + index % 64u] = value;
      weight_tile[i * 64u + index % 64u] = factor;
    }
    workgroupBarrier();
    for (var i = 0u; i < STEP; i++) {
      let at = i * 64u;
      let b = at + lane_column;
      let a = at + lane_row;
      let factors = vec4f(weight_tile[b], weight_tile[b + 1u], weight_tile[b + 2u], weight_tile[b + 3u]);
      sum0 += image_tile[a] * factors;
      sum1 += image_tile[a + 1u] * factors;
      sum2 += image_tile[a + 2u] * factors;
      sum3 += image_tile[a + 3u] * factors;
    }
    workgroupBarrier();
  }
  let sums = array<vec4f, 4>(sum0, sum1, sum2, sum3);
  for (var r = 0u; r < 4u; r++) {
    let nth_window = row + lane_row + r;
    if (nth_window < params.m) {
      let window_place = place_of_window(nth_window);
      for (var c = 0u; c < 4u; c++) {
        let nth_output = column + lane_column + c;
        if (nth_output < params.n) {
          let output_place = place_of_output(nth_output);
          store_placed(window_place, output_place, sums[r][c]);
        }
      }
    }
  }
}
