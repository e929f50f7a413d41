// out = act( (old out + Σ_{u,v,c} image[b, r·stride − pad_top + u, q·stride − pad_left + v, c] · weight[u, v, c, :] + bias) ⊙ act'(gate) )
// with image and weight rounded to f16: shapes, BLOCK and the epilogue are those of conv2d_tile.wgsl.
// The variant for mixed precision, on subgroup matrices of 16 × 16 (tensor cores). A workgroup of four subgroups of 32 has a
// tile of 64 windows × 64 outputs, 32 × 32 a subgroup; 32 values under the windows at a time are in workgroup memory, beside
// their weights, and what comes after them is fetched while they are multiplied.
// Numeric strategy: operands in f16, infinite beyond ±65 504, products and sums in float32. Grid: ⌈m/64⌉·⌈n/64⌉ workgroups, 1024 a row.
// Bytes: 4·m·n·k/32 read, 4·m·n written, k = tap_rows·tap_columns·channels. Flops: 2·m·n·k.
// lib: activation conv2d_epilogue

diagnostic(off, chromium.subgroup_matrix_uniformity); // a subgroup's place is the same for all of its invocations
enable f16;
enable chromium_experimental_subgroup_matrix;

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

const STEP = 32u;
const IMAGE_ROW = 40u; // values from one window of image_tile to the next: STEP, and eight that part the banks
const WEIGHT_ROW = 72u; // from one value of k of weight_tile to the next
var<workgroup> image_tile: array<f16, 2560>; // [64 windows, STEP]
var<workgroup> weight_tile: array<f16, 2304>; // [STEP, 64 outputs]
var<workgroup> places: array<vec3i, 64>; // of each window: its first row, its first value in a row, its image
var<workgroup> results: array<f32, 1024>; // 16 × 16 of each subgroup

@compute @workgroup_size(128)
fn conv2d_matrix(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let tiles_across = (params.n + 63u) / 64u;
  let nth = group.y * GRID_WIDTH + group.x;
  let column = (nth % tiles_across) * 64u;
  let row = (nth / tiles_across) * 64u;
  if (row >= params.m) {
    return;
  }
  let depth = params.tap_rows * params.tap_columns * params.channels;
  if (index < 64u) {
    places[index] = place_under(min(row + index, params.m - 1u));
  }
  workgroupBarrier();
  let lane = index % 32u;
  let subgroup = index / 32u;
  // An invocation gathers one value of k under every fourth window, and brings two outputs' weights of every fourth k.
  let pair = column + 2u * lane;
  let to_image = subgroup * IMAGE_ROW + lane;
  let to_weight = subgroup * WEIGHT_ROW + 2u * lane;
  var tap = tap_of(lane);
  var image0 = gather_four(subgroup, tap, lane < depth);
  var image1 = gather_four(subgroup + 16u, tap, lane < depth);
  var image2 = gather_four(subgroup + 32u, tap, lane < depth);
  var image3 = gather_four(subgroup + 48u, tap, lane < depth);
  var weight0 = two_pairs(subgroup, pair, depth);
  var weight1 = two_pairs(subgroup + 8u, pair, depth);
  var weight2 = two_pairs(subgroup + 16u, pair, depth);
  var weight3 = two_pairs(subgroup + 24u, pair, depth);
  let own_row = subgroup / 2u * 32u;
  let own_column = subgroup % 2u * 32u;
  var sum00 = subgroup_matrix_result<f32, 16, 16>();
  var sum01 = subgroup_matrix_result<f32, 16, 16>();
  var sum10 = subgroup_matrix_result<f32, 16, 16>();
  var sum11 = subgroup_matrix_result<f32, 16, 16>();
  for (var start = 0u; start < depth; start += STEP) {
    put_four(to_image, image0);
    put_four(to_image + 16u * IMAGE_ROW, image1);
    put_four(to_image + 32u * IMAGE_ROW, image2);
    put_four(to_image + 48u * IMAGE_ROW, image3);
    put_pairs(to_weight, weight0);
    put_pairs(to_weight + 8u * WEIGHT_ROW, weight1);
    put_pairs(to_weight + 16u * WEIGHT_ROW, weight2);
    put_pairs(to_weight + 24u * WEIGHT_ROW, weight3);
    workgroupBarrier();
    let next = start + STEP;
    let is_within = next + lane < depth;
    tap = tap_of(next + lane);
    image0 = gather_four(subgroup, tap, is_within);
    image1 = gather_four(subgroup + 16u, tap, is_within);
    image2 = gather_four(subgroup + 32u, tap, is_within);
    image3 = gather_four(subgroup + 48u, tap, is_within);
    weight0 = two_pairs(next + subgroup, pair, depth);
    weight1 = two_pairs(next + subgroup + 8u, pair, depth);
    weight2 = two_pairs(next + subgroup + 16u, pair, depth);
    weight3 = two_pairs(next + subgroup + 24u, pair, depth);
    for (var k = 0u; k < STEP; k += 16u) {
      let a = own_row * IMAGE_ROW + k;
      let b = k * WEIGHT_ROW + own_column;
      let upper = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&image_tile, a, IMAGE_ROW);
      let lower = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&image_tile, a + 16u * IMAGE_ROW, IMAGE_ROW);
      let near = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&weight_tile, b, WEIGHT_ROW);
      let far = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&weight_tile, b + 16u, WEIGHT_ROW);
      sum00 = subgroupMatrixMultiplyAccumulate(upper, near, sum00);
      sum01 = subgroupMatrixMultiplyAccumulate(upper, far, sum01);
      sum10 = subgroupMatrixMultiplyAccumulate(lower, near, sum10);
      sum11 = subgroupMatrixMultiplyAccumulate(lower, far, sum11);
    }
    workgroupBarrier(); // the values are used up
  }
  let first_row = row + own_row;
  let first_column = column + own_column;
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum00, 16u);
  workgroupBarrier();
  store_results(subgroup, lane, first_row, first_column);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum01, 16u);
  workgroupBarrier();
  store_results(subgroup, lane, first_row, first_column + 16u);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum10, 16u);
  workgroupBarrier();
  store_results(subgroup, lane, first_row + 16u, first_column);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum11, 16u);
  workgroupBarrier();
  store_results(subgroup, lane, first_row + 16u, first_column + 16u);
}

fn place_under(window: u32) -> vec3i {
  let rest = window / params.columns;
  let y = i32((rest % params.rows) * params.stride) - i32(params.pad_top);
  let x = (i32((window % params.columns) * params.stride) - i32(params.pad_left)) * i32(params.channels);
  return vec3i(y, x, i32((rest / params.rows) * params.height * params.width * params.channels));
}

// Row of taps of a value of k, and its distance from the first value under that row.
fn tap_of(k: u32) -> vec2i {
  let segment = params.tap_columns * params.channels;
  let tap = k / segment;
  return vec2i(i32(tap), i32(k - tap * segment));
}

// What is under windows w, w + 4, w + 8 and w + 12 of the tile at one value of k.
fn gather_four(w: u32, tap: vec2i, is_within: bool) -> vec4f {
  if (!is_within) {
    return vec4f();
  }
  return vec4f(gather(w, tap), gather(w + 4u, tap), gather(w + 8u, tap), gather(w + 12u, tap));
}

fn gather(w: u32, tap: vec2i) -> f32 {
  let place = places[w];
  let down = place.x + tap.x;
  let across = place.y + tap.y;
  let row_floats = i32(params.width * params.channels);
  if (down < 0 || down >= i32(params.height) || across < 0 || across >= row_floats) {
    return 0.0;
  }
  return image[place.z + down * row_floats + across];
}

// Weights of outputs c and c + 1 at values k and k + 4.
fn two_pairs(k: u32, c: u32, depth: u32) -> vec4f {
  return vec4f(weight_of(k, c, depth), weight_of(k, c + 1u, depth), weight_of(k + 4u, c, depth), weight_of(k + 4u, c + 1u, depth));
}

fn weight_of(k: u32, c: u32, depth: u32) -> f32 {
  if (k >= depth || c >= params.n) {
    return 0.0;
  }
  return weight[k * params.n + c];
}

fn put_four(at: u32, values: vec4f) {
  let halves = vec4h(values);
  image_tile[at] = halves.x;
  image_tile[at + 4u * IMAGE_ROW] = halves.y;
  image_tile[at + 8u * IMAGE_ROW] = halves.z;
  image_tile[at + 12u * IMAGE_ROW] = halves.w;
}

fn put_pairs(at: u32, values: vec4f) {
  let halves = vec4h(values);
  weight_tile[at] = halves.x;
  weight_tile[at + 1u] = halves.y;
  weight_tile[at + 4u * WEIGHT_ROW] = halves.z;
  weight_tile[at + 4u * WEIGHT_ROW + 1u] = halves.w;
}

// The 16 × 16 sums that a subgroup has put into workgroup memory.
fn store_results(subgroup: u32, lane: u32, first_row: u32, first_column: u32) {
  let nth_output = first_column + lane % 16u;
  if (nth_output >= params.n) {
    return;
  }
  let output_place = place_of_output(nth_output);
  for (var r = lane / 16u; r < 16u; r += 2u) {
    let nth_window = first_row + r;
    if (nth_window < params.m) {
      store_placed(place_of_window(nth_window), output_place, results[subgroup * 256u + r * 16u + lane % 16u]);
    }
  }
}
