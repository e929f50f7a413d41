// out = act( (old out + Σ_{u,v,c} image[b, r·stride − pad_top + u, q·stride − pad_left + v, c] · weight[u, v, c, :] + bias) ⊙ act'(gate) )
//   image  [batch, height, width, channels], zero outside                      (NHWC)
//   weight [tap_rows, tap_columns, channels, n]        windows (r, q): rows × columns of each image, m = batch·rows·columns
//   out    [m, n]; with BLOCK = s > 1 (transposed convolution) [batch, out_height, out_width, out_channels] instead, where
//          n = s·s·out_channels and window (r, q) gives the pixels r·s … r·s + s−1 by q·s … q·s + s−1 (lib/conv2d_epilogue)
//   bias   [out_channels], with HAS_BIAS               gate like out, with GATE: outputs of the activation whose derivative it is
//   with ACCUMULATE the sum is added to what is in out
// With PARTS, for few results of long sums, out is [parts, m, n] instead, which conv2d_sum adds up: part s has the bare sums over
// `each` values of (u, v, c), from s·each on.
// The variant for GPUs: the product of matmul_tile.wgsl, with its registers, halves and slots, whose left matrix is never made. A
// workgroup has 64 windows × OUTPUTS outputs, 8 × 8 an invocation. Eight values under the windows at a time are gathered into
// workgroup memory beside their weights; with WHOLE_STEPS these lie under one tap, and whether that is in the image is asked
// once a tap. Numeric strategy: float32, summed over (u, v, c) in order; in mixed precision the factors are f16 in
// workgroup memory, infinite beyond ±65 504.
// Grid: ⌈m/64⌉·⌈n/OUTPUTS⌉ workgroups, 1024 a row, × parts. Bytes: 4·m·n·k·(1/64 + 1/OUTPUTS) read, 4·m·n written, of each part,
// k = tap_rows·tap_columns·channels. Flops: 2·m·n·k.
// lib: activation conv2d_epilogue

struct Params {
  m: u32, // windows, batch·rows·columns
  n: u32, // outputs of a window
  each: u32, // values under a window in a part, a multiple of STEP; all of them without PARTS
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
override PARTS: u32 = 0u;
const GRID_WIDTH = 1024u; // workgroups across the grid, which goes on below

const OUTPUTS: u32 = 64u; // specialised: of a tile, and invocations; 128 where there are enough results for it
const WHOLE_STEPS: u32 = 0u; // specialised: 1 where the channels are a multiple of STEP
const WINDOWS: u32 = 64u; // of a tile
const STEP: u32 = 8u; // values under a window in a half of workgroup memory
const IMAGE_FOURS: u32 = 16u; // vectors of a value: WINDOWS/4
const WEIGHT_FOURS: u32 = OUTPUTS / 4u;
const IMAGE_LANES: u32 = 8u; // invocations along a side of the tile
const WEIGHT_LANES: u32 = OUTPUTS / 8u;
const IMAGE_HALF: u32 = STEP * IMAGE_FOURS;
const WEIGHT_HALF: u32 = STEP * WEIGHT_FOURS;

alias Stored = vec4f; // specialised: vec4h in mixed precision
// Of the windows of the tile: row, value along the row, and place in the image where they begin, which may be outside.
var<workgroup> origins: array<vec4i, WINDOWS>;
// Vector v of a value: windows v + IMAGE_FOURS·(0 … 3) of the tile, or outputs v + WEIGHT_FOURS·(0 … 3).
var<workgroup> image_tile: array<Stored, 2u * IMAGE_HALF>;
var<workgroup> weight_tile: array<Stored, 2u * WEIGHT_HALF>;

@compute @workgroup_size(OUTPUTS)
fn conv2d_tile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let tiles_across = (params.n + OUTPUTS - 1u) / OUTPUTS;
  let nth = group.y * GRID_WIDTH + group.x;
  let column = (nth % tiles_across) * OUTPUTS;
  let row = (nth / tiles_across) * WINDOWS;
  if (row >= params.m) {
    return;
  }
  let begin = group.z * params.each;
  let end = min(begin + params.each, params.tap_rows * params.tap_columns * params.channels);
  if (index < WINDOWS) {
    let window = min(row + index, params.m - 1u);
    let rest = window / params.columns;
    let y = i32((rest % params.rows) * params.stride) - i32(params.pad_top);
    let x = (i32((window % params.columns) * params.stride) - i32(params.pad_left)) * i32(params.channels);
    let image_row = i32((rest / params.rows) * params.height) + y;
    origins[index] = vec4i(y, x, image_row * i32(params.width * params.channels) + x, 0);
  }
  workgroupBarrier();
  // 32 invocations, a subgroup of many GPUs, have 4 × 8 of the lanes: as near to a square as can be, it reads few different vectors.
  let lane_column = index % 8u + 8u * (index / 32u % (WEIGHT_LANES / 8u));
  let lane_row = index / 8u % 4u + 4u * (index / (4u * WEIGHT_LANES));
  // The vectors that an invocation brings, two of each, or one of the image in the larger tile: neighbours in memory to
  // neighbouring invocations.
  let image_i = index % STEP;
  let image_v = index / STEP;
  let image_more_v = image_v + IMAGE_LANES;
  let weight_i = index / WEIGHT_FOURS;
  let weight_more_i = weight_i + 4u;
  let weight_v = index % WEIGHT_FOURS;
  // Where the windows' values lie: of the first channels of the tap with WHOLE_STEPS, which `within` are passed of.
  var within = select(0u, begin % params.channels, WHOLE_STEPS == 1u);
  var places = places_of(image_v, begin - within + image_i, end);
  var places_more = vec4i();
  var image_next = four_of_image(places, within);
  var image_more = vec4f();
  if (OUTPUTS == 64u) {
    places_more = places_of(image_more_v, begin - within + image_i, end);
    image_more = four_of_image(places_more, within);
  }
  var weight_next = four_of_weight(column + weight_v, begin + weight_i, end);
  var weight_more = four_of_weight(column + weight_v, begin + weight_more_i, end);
  var even0 = vec4f();
  var odd0 = vec4f();
  var even1 = vec4f();
  var odd1 = vec4f();
  var even2 = vec4f();
  var odd2 = vec4f();
  var even3 = vec4f();
  var odd3 = vec4f();
  var even4 = vec4f();
  var odd4 = vec4f();
  var even5 = vec4f();
  var odd5 = vec4f();
  var even6 = vec4f();
  var odd6 = vec4f();
  var even7 = vec4f();
  var odd7 = vec4f();
  var half = 0u; // that is written, then read
  for (var k = begin; k < end; k += STEP) {
    let image_base = half * IMAGE_HALF;
    let weight_base = half * WEIGHT_HALF;
    image_tile[image_base + image_slot(image_i, image_v)] = Stored(image_next);
    if (OUTPUTS == 64u) {
      image_tile[image_base + image_slot(image_i, image_more_v)] = Stored(image_more);
    }
    weight_tile[weight_base + weight_slot(weight_i, weight_v)] = Stored(weight_next);
    weight_tile[weight_base + weight_slot(weight_more_i, weight_v)] = Stored(weight_more);
    workgroupBarrier();
    let next = k + STEP;
    if (next < end) {
      within += STEP;
      if (WHOLE_STEPS == 0u || within == params.channels) {
        within = 0u;
        places = places_of(image_v, next + image_i, end);
        if (OUTPUTS == 64u) {
          places_more = places_of(image_more_v, next + image_i, end);
        }
      }
      image_next = four_of_image(places, within);
      if (OUTPUTS == 64u) {
        image_more = four_of_image(places_more, within);
      }
      weight_next = four_of_weight(column + weight_v, next + weight_i, end);
      weight_more = four_of_weight(column + weight_v, next + weight_more_i, end);
    }
    for (var i = 0u; i < STEP; i++) {
      let image_at = image_base + image_slot(i, lane_row);
      let weight_at = weight_base + weight_slot(i, lane_column);
      let x = vec4f(image_tile[image_at]); // the even ones of the invocation's windows, then the odd ones
      let y = vec4f(image_tile[image_at + IMAGE_LANES]);
      let even = vec4f(weight_tile[weight_at]);
      let odd = vec4f(weight_tile[weight_at + WEIGHT_LANES]);
      even0 += x.x * even;
      odd0 += x.x * odd;
      even1 += y.x * even;
      odd1 += y.x * odd;
      even2 += x.y * even;
      odd2 += x.y * odd;
      even3 += y.y * even;
      odd3 += y.y * odd;
      even4 += x.z * even;
      odd4 += x.z * odd;
      even5 += y.z * even;
      odd5 += y.z * odd;
      even6 += x.w * even;
      odd6 += x.w * odd;
      even7 += y.w * even;
      odd7 += y.w * odd;
    }
    half = 1u - half;
  }
  let tile = array<vec4f, 16>(
    even0, odd0,
    even1, odd1,
    even2, odd2,
    even3, odd3,
    even4, odd4,
    even5, odd5,
    even6, odd6,
    even7, odd7,
  );
  let first_window = row + lane_row;
  let first_output = column + lane_column;
  var output_places = array<vec4u, 8>();
  for (var c = 0u; c < 8u; c++) {
    output_places[c] = place_of_output(first_output + c * WEIGHT_LANES);
  }
  for (var r = 0u; r < 8u; r++) {
    let nth_window = first_window + r * IMAGE_LANES;
    if (nth_window < params.m) {
      let window_place = place_of_window(nth_window);
      for (var c = 0u; c < 8u; c++) {
        let nth_output = first_output + c * WEIGHT_LANES;
        let sum = tile[r * 2u + c % 2u][c / 2u];
        if (nth_output < params.n) {
          if (PARTS == 0u) {
            let output_place = output_places[c];
            store_placed(window_place, output_place, sum);
          } else {
            out[(group.z * params.m + nth_window) * params.n + nth_output] = sum;
          }
        }
      }
    }
  }
}

// Where vector v of the i-th value lies in a half of workgroup memory. Eight neighbours are permuted by i, so that they lie in
// different banks whether it is v or i in which eight invocations differ.
fn image_slot(i: u32, v: u32) -> u32 {
  return i * IMAGE_FOURS + (v ^ i);
}

fn weight_slot(i: u32, v: u32) -> u32 {
  return i * WEIGHT_FOURS + (v ^ i);
}

// Where a value lies under windows v + IMAGE_FOURS·(0 … 3) of the tile; below zero outside the image and past the end of the sum.
fn places_of(v: u32, at: u32, end: u32) -> vec4i {
  if (at >= end) {
    return vec4i(-1);
  }
  let segment = params.tap_columns * params.channels; // values under one row of taps
  let down = i32(at / segment);
  let across = i32(at % segment);
  return vec4i(
    place_of(v, down, across),
    place_of(v + IMAGE_FOURS, down, across),
    place_of(v + 2u * IMAGE_FOURS, down, across),
    place_of(v + 3u * IMAGE_FOURS, down, across),
  );
}

fn place_of(window: u32, down: i32, across: i32) -> i32 {
  let origin = origins[window];
  let row_floats = params.width * params.channels;
  let inside = u32(origin.x + down) < params.height && u32(origin.y + across) < row_floats;
  return select(-1, origin.z + down * i32(row_floats) + across, inside);
}

fn four_of_image(places: vec4i, within: u32) -> vec4f {
  return vec4f(
    image_value(places.x, within),
    image_value(places.y, within),
    image_value(places.z, within),
    image_value(places.w, within),
  );
}

fn image_value(place: i32, within: u32) -> f32 {
  if (place < 0) {
    return 0.0;
  }
  return image[u32(place) + within];
}

// Weights of outputs c + WEIGHT_FOURS·(0 … 3) for a value. Past the last output that one repeats; past the end of the sum there are zeros.
fn four_of_weight(c: u32, at: u32, end: u32) -> vec4f {
  if (at >= end) {
    return vec4f();
  }
  let start = at * params.n;
  let last = params.n - 1u;
  return vec4f(
    weight[start + min(c, last)],
    weight[start + min(c + WEIGHT_FOURS, last)],
    weight[start + min(c + 2u * WEIGHT_FOURS, last)],
    weight[start + min(c + 3u * WEIGHT_FOURS, last)],
  );
}
