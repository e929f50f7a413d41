// out = act( (old out + Σ_{u,v,c} image[b, r·stride − pad_top + u, q·stride − pad_left + v, c] · weight[u, v, c, :] + bias) ⊙ act'(gate) )
//   image [batch, height, width, channels], weight [tap_rows, tap_columns, channels, n], out [m, n], or blocks of pixels with
//   BLOCK > 1; bias, gate and ACCUMULATE: all as in conv2d_tile.wgsl
// The variant for GPUs where a window has few outputs but many values, as in the layer that makes an image: a tile would be
// mostly empty. One workgroup of 64 has 32 windows × 4 outputs: 16 invocations, a channel each at a time, share a sum, for 8
// windows × 4 outputs in registers; neighbouring channels go to neighbouring invocations straight from memory. Their sums meet
// in workgroup memory. Numeric strategy: float32, 16 sums, each over (u, v, c) in order, added in order.
// Grid: ⌈m/32⌉·⌈n/4⌉ workgroups, 1024 a row. Bytes: 4·m·n·k·(1/4 + 1/8) read, 4·m·n written,
// k = tap_rows·tap_columns·channels. Flops: 2·m·n·k.
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

const LANES = 16u; // invocations that share a sum
const WINDOWS = 32u; // of a workgroup
const OUTPUTS = 4u;

// Of the windows: row, pixel along the row, and pixel of the image where they begin, which may be outside.
var<workgroup> origins: array<vec4i, 32>;
var<workgroup> sums: array<vec4f, 512>; // [LANES, WINDOWS]

@compute @workgroup_size(64)
fn conv2d_narrow(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let groups_across = (params.n + OUTPUTS - 1u) / OUTPUTS;
  let nth = group.y * GRID_WIDTH + group.x;
  let column = (nth % groups_across) * OUTPUTS;
  let row = (nth / groups_across) * WINDOWS;
  if (row >= params.m) {
    return;
  }
  if (index < WINDOWS) {
    let window = min(row + index, params.m - 1u);
    let rest = window / params.columns;
    let y = i32((rest % params.rows) * params.stride) - i32(params.pad_top);
    let x = i32((window % params.columns) * params.stride) - i32(params.pad_left);
    let image_row = i32((rest / params.rows) * params.height) + y;
    origins[index] = vec4i(y, x, image_row * i32(params.width) + x, 0);
  }
  workgroupBarrier();
  let lane = index % LANES;
  let first = index / LANES * 8u;
  let last = params.n - 1u;
  let outputs = min(vec4u(column, column + 1u, column + 2u, column + 3u), vec4u(last)); // past the last that one repeats
  var sum0 = vec4f();
  var sum1 = vec4f();
  var sum2 = vec4f();
  var sum3 = vec4f();
  var sum4 = vec4f();
  var sum5 = vec4f();
  var sum6 = vec4f();
  var sum7 = vec4f();
  for (var tap = 0u; tap < params.tap_rows * params.tap_columns; tap++) {
    let down = i32(tap / params.tap_columns);
    let across = i32(tap % params.tap_columns);
    let place0 = place_of(first, down, across);
    let place1 = place_of(first + 1u, down, across);
    let place2 = place_of(first + 2u, down, across);
    let place3 = place_of(first + 3u, down, across);
    let place4 = place_of(first + 4u, down, across);
    let place5 = place_of(first + 5u, down, across);
    let place6 = place_of(first + 6u, down, across);
    let place7 = place_of(first + 7u, down, across);
    for (var c = lane; c < params.channels; c += LANES) {
      let at = (tap * params.channels + c) * params.n;
      let factors = vec4f(
        weight[at + outputs.x],
        weight[at + outputs.y],
        weight[at + outputs.z],
        weight[at + outputs.w],
      );
      sum0 += image_value(place0, c) * factors;
      sum1 += image_value(place1, c) * factors;
      sum2 += image_value(place2, c) * factors;
      sum3 += image_value(place3, c) * factors;
      sum4 += image_value(place4, c) * factors;
      sum5 += image_value(place5, c) * factors;
      sum6 += image_value(place6, c) * factors;
      sum7 += image_value(place7, c) * factors;
    }
  }
  let to = lane * WINDOWS + first;
  sums[to] = sum0;
  sums[to + 1u] = sum1;
  sums[to + 2u] = sum2;
  sums[to + 3u] = sum3;
  sums[to + 4u] = sum4;
  sums[to + 5u] = sum5;
  sums[to + 6u] = sum6;
  sums[to + 7u] = sum7;
  workgroupBarrier();
  for (var i = index; i < WINDOWS * OUTPUTS; i += 64u) {
    let nth_window = row + i / OUTPUTS;
    let nth_output = column + i % OUTPUTS;
    if (nth_window < params.m && nth_output < params.n) {
      var sum = 0.0;
      for (var l = 0u; l < LANES; l++) {
        sum += sums[l * WINDOWS + i / OUTPUTS][i % OUTPUTS];
      }
      let window_place = place_of_window(nth_window);
      let output_place = place_of_output(nth_output);
      store_placed(window_place, output_place, sum);
    }
  }
}

// First value of the pixel of the image that lies under a tap of a window; below zero outside.
fn place_of(window: u32, down: i32, across: i32) -> i32 {
  let origin = origins[window];
  let inside = u32(origin.x + down) < params.height && u32(origin.y + across) < params.width;
  return select(-1, (origin.z + down * i32(params.width) + across) * i32(params.channels), inside);
}

fn image_value(place: i32, channel: u32) -> f32 {
  if (place < 0) {
    return 0.0;
  }
  return image[u32(place) + channel];
}
