// parts[s, (u, v, c), f] = Σ_{p in part s} image[b, r·stride − pad_top + u, q·stride − pad_left + v, c] · windows[p, f]
// and, with COLUMN_SUMS, parts[s, m, f] = Σ_{p in part s} windows[p, f], with image and windows rounded to f16: shapes are those of
// conv2d_weight_tile.wgsl.
// The variant for mixed precision, on subgroup matrices of 16 × 16 (tensor cores). A workgroup of four subgroups of 32 has a
// tile of 64 weights × 64 filters of one part, 32 × 32 a subgroup; 32 windows at a time are in workgroup memory, and those after
// them are fetched while they are multiplied. Row m of the left factor is of ones, so that the column sums are its product.
// Numeric strategy: operands in f16, infinite beyond ±65 504, products and sums in float32. Grid: tiles of [m (+ 1), n] × parts workgroups.
// Bytes: 4·m·n·count/32 read, 4·parts·m·n written. Flops: 2·m·n·count.

diagnostic(off, chromium.subgroup_matrix_uniformity); // a subgroup's place is the same for all of its invocations
enable f16;
enable chromium_experimental_subgroup_matrix;

struct Params {
  m: u32, // weights of a filter, kernel·kernel·channels
  n: u32, // filters
  count: u32, // windows
  each: u32, // windows of a part
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

const STEP = 32u;
const ROW = 72u; // values from one window of a tile to the next: 64, and eight that part the banks
var<workgroup> image_tile: array<f16, 2304>; // [STEP windows, 64 weights]
var<workgroup> window_tile: array<f16, 2304>; // [STEP windows, 64 filters]
var<workgroup> places: array<vec3i, 64>; // two halves: of each window its first row, its first value in a row, its image
var<workgroup> results: array<f32, 1024>; // 16 × 16 of each subgroup

@compute @workgroup_size(128)
fn conv2d_weight_matrix(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let tiles_across = (params.n + 63u) / 64u;
  let column = (group.x % tiles_across) * 64u;
  let row = (group.x / tiles_across) * 64u;
  let begin = group.y * params.each;
  let end = min(begin + params.each, params.count);
  // An invocation gathers for one weight, and brings the values of one filter, of every other window.
  let segment = params.kernel * params.channels;
  let nth = row + index % 64u;
  let tap = vec2i(i32(nth / segment) - i32(params.pad_top), i32(nth % segment) - i32(params.pad_left * params.channels));
  let filter_index = column + index % 64u;
  let first = index / 64u;
  let to = first * ROW + index % 64u;
  if (index < STEP) {
    places[index] = place_under(begin + index);
  }
  workgroupBarrier();
  var image0 = gather_four(begin, first, 0u, end, nth, tap);
  var image1 = gather_four(begin, first + 8u, 0u, end, nth, tap);
  var image2 = gather_four(begin, first + 16u, 0u, end, nth, tap);
  var image3 = gather_four(begin, first + 24u, 0u, end, nth, tap);
  var window0 = four_windows(begin + first, end, filter_index);
  var window1 = four_windows(begin + first + 8u, end, filter_index);
  var window2 = four_windows(begin + first + 16u, end, filter_index);
  var window3 = four_windows(begin + first + 24u, end, filter_index);
  let lane = index % 32u;
  let subgroup = index / 32u;
  let own_row = subgroup / 2u * 32u;
  let own_column = subgroup % 2u * 32u;
  var sum00 = subgroup_matrix_result<f32, 16, 16>();
  var sum01 = subgroup_matrix_result<f32, 16, 16>();
  var sum10 = subgroup_matrix_result<f32, 16, 16>();
  var sum11 = subgroup_matrix_result<f32, 16, 16>();
  var next_places = STEP; // the half of places for what is fetched next
  for (var start = begin; start < end; start += STEP) {
    put_image(to, image0);
    put_image(to + 8u * ROW, image1);
    put_image(to + 16u * ROW, image2);
    put_image(to + 24u * ROW, image3);
    put_windows(to, window0);
    put_windows(to + 8u * ROW, window1);
    put_windows(to + 16u * ROW, window2);
    put_windows(to + 24u * ROW, window3);
    let next = start + STEP;
    if (index < STEP) {
      places[next_places + index] = place_under(next + index);
    }
    workgroupBarrier();
    image0 = gather_four(next, first, next_places, end, nth, tap);
    image1 = gather_four(next, first + 8u, next_places, end, nth, tap);
    image2 = gather_four(next, first + 16u, next_places, end, nth, tap);
    image3 = gather_four(next, first + 24u, next_places, end, nth, tap);
    window0 = four_windows(next + first, end, filter_index);
    window1 = four_windows(next + first + 8u, end, filter_index);
    window2 = four_windows(next + first + 16u, end, filter_index);
    window3 = four_windows(next + first + 24u, end, filter_index);
    for (var k = 0u; k < STEP; k += 16u) {
      let a = k * ROW + own_row;
      let b = k * ROW + own_column;
      let upper = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&image_tile, a, ROW);
      let lower = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, col_major>(&image_tile, a + 16u, ROW);
      let near = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&window_tile, b, ROW);
      let far = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&window_tile, b + 16u, ROW);
      sum00 = subgroupMatrixMultiplyAccumulate(upper, near, sum00);
      sum01 = subgroupMatrixMultiplyAccumulate(upper, far, sum01);
      sum10 = subgroupMatrixMultiplyAccumulate(lower, near, sum10);
      sum11 = subgroupMatrixMultiplyAccumulate(lower, far, sum11);
    }
    next_places = STEP - next_places;
    workgroupBarrier(); // the values are used up
  }
  let part = group.y * (params.m + 1u) * params.n;
  let first_row = row + own_row;
  let first_column = column + own_column;
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum00, 16u);
  workgroupBarrier();
  store_results(part, subgroup, lane, first_row, first_column);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum01, 16u);
  workgroupBarrier();
  store_results(part, subgroup, lane, first_row, first_column + 16u);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum10, 16u);
  workgroupBarrier();
  store_results(part, subgroup, lane, first_row + 16u, first_column);
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&results, subgroup * 256u, sum11, 16u);
  workgroupBarrier();
  store_results(part, subgroup, lane, first_row + 16u, first_column + 16u);
}

fn place_under(p: u32) -> vec3i {
  let rest = p / params.columns;
  let row_floats = params.width * params.channels;
  return vec3i(vec3u(
    (rest % params.rows) * params.stride,
    (p % params.columns) * params.stride * params.channels,
    (rest / params.rows) * params.height * row_floats,
  ));
}

// Weight `nth` under windows start + i, + 2, + 4 and + 6, whose places begin at `from_place`.
fn gather_four(start: u32, i: u32, from_place: u32, end: u32, nth: u32, tap: vec2i) -> vec4f {
  return vec4f(
    gather(start + i, end, from_place + i, nth, tap),
    gather(start + i + 2u, end, from_place + i + 2u, nth, tap),
    gather(start + i + 4u, end, from_place + i + 4u, nth, tap),
    gather(start + i + 6u, end, from_place + i + 6u, nth, tap),
  );
}

fn gather(p: u32, end: u32, at: u32, nth: u32, tap: vec2i) -> f32 {
  let place = places[at];
  let down = place.x + tap.x;
  let across = place.y + tap.y;
  let row_floats = i32(params.width * params.channels);
  let is_inside = (down >= 0) & (down < i32(params.height)) & (across >= 0) & (across < row_floats);
  if (!(is_inside & (p < end) & (nth < params.m))) {
    return f32((p < end) & (nth == params.m)); // of the row of ones
  }
  return image[place.z + down * row_floats + across];
}

// Values of a filter at windows p, p + 2, p + 4 and p + 6.
fn four_windows(p: u32, end: u32, filter_index: u32) -> vec4f {
  return vec4f(
    window_value(p, end, filter_index),
    window_value(p + 2u, end, filter_index),
    window_value(p + 4u, end, filter_index),
    window_value(p + 6u, end, filter_index),
  );
}

fn window_value(p: u32, end: u32, filter_index: u32) -> f32 {
  if (p >= end || filter_index >= params.n) {
    return 0.0;
  }
  return windows[p * params.n + filter_index];
}

fn put_image(at: u32, values: vec4f) {
  let halves = vec4h(values);
  image_tile[at] = halves.x;
  image_tile[at + 2u * ROW] = halves.y;
  image_tile[at + 4u * ROW] = halves.z;
  image_tile[at + 6u * ROW] = halves.w;
}

fn put_windows(at: u32, values: vec4f) {
  let halves = vec4h(values);
  window_tile[at] = halves.x;
  window_tile[at + 2u * ROW] = halves.y;
  window_tile[at + 4u * ROW] = halves.z;
  window_tile[at + 6u * ROW] = halves.w;
}

// The 16 × 16 sums that a subgroup has put into workgroup memory.
fn store_results(part: u32, subgroup: u32, lane: u32, first_row: u32, first_column: u32) {
  let to = first_column + lane % 16u;
  if (to >= params.n) {
    return;
  }
  for (var r = lane / 16u; r < 16u; r += 2u) {
    let at = first_row + r;
    if (at < params.m + COLUMN_SUMS) {
      parts[part + at * params.n + to] = results[subgroup * 256u + r * 16u + lane % 16u];
    }
  }
}
