// parts[s, (u, v, c), f] = Σ_{p in part s} image[b, r·stride − pad_top + u, q·stride − pad_left + v, c] · windows[p, f]
// and, with COLUMN_SUMS, parts[s, m + …, f] = Σ_{p in part s} windows[p, f];  p = (b, r, q), `each` of them a part
//   image   [batch, height, width, channels], zero outside                      (NHWC)
//   windows [count, n], count = batch·rows·columns
//   parts   [parts, m + 1, n], m = kernel·kernel·channels: the gradient of a convolution's weights in pieces, and of its bias
// The variant for GPUs: the product of matmul_tile.wgsl, with its registers, halves and slots, whose left matrix is never made.
// A workgroup of 64 has a tile of 64 weights × 64 filters of one part, 8 × 8 an invocation. What lies under the weights in eight
// windows at a time is gathered into workgroup memory beside the windows' values; with ONE_TAP the weights of a tile have one
// tap, so that one test says whether they are in the image. Numeric strategy: float32, summed over windows in order; in
// mixed precision the factors are f16 in workgroup memory, infinite beyond ±65 504.
// Grid: ⌈m/64⌉·⌈n/64⌉ × parts workgroups. Bytes: 4·m·n·count/32 read, 4·parts·m·n written. Flops: 2·m·n·count.

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

const ONE_TAP: u32 = 0u; // specialised: 1 where the channels are a multiple of TILE
const TILE: u32 = 64u;
const STEP: u32 = 8u; // windows in a half of workgroup memory
const FOURS: u32 = 16u; // vectors of a window: TILE/4
const LANES: u32 = 8u; // invocations along a side of the tile
const HALF: u32 = STEP * FOURS;

alias Stored = vec4f; // specialised: vec4h in mixed precision
// Vector v of a window: weights, or filters, v + FOURS·(0 … 3) of the tile.
var<workgroup> image_tile: array<Stored, 2u * HALF>;
var<workgroup> window_tile: array<Stored, 2u * HALF>;

@compute @workgroup_size(64)
fn conv2d_weight_tile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let tiles_across = (params.n + TILE - 1u) / TILE;
  let column = (group.x % tiles_across) * TILE;
  let row = (group.x / tiles_across) * TILE;
  let begin = group.y * params.each;
  let end = min(begin + params.each, params.count);
  // 32 invocations, a subgroup of many GPUs, have 4 × 8 of the lanes: as near to a square as can be, it reads few different vectors.
  let lane_column = index % LANES;
  let lane_row = index / LANES;
  // The vectors that an invocation brings, of two windows: neighbours in memory to neighbouring invocations.
  let v = index % FOURS;
  let i_next = index / FOURS;
  let i_more = i_next + 4u;
  let weights = min(row + v + FOURS * vec4u(0u, 1u, 2u, 3u), vec4u(params.m - 1u)); // past the last that one repeats
  let segment = params.kernel * params.channels; // values under one row of taps
  let down = vec4i(weights / segment);
  let across = vec4i(weights % segment);
  let hop = window_at(STEP);
  var place = window_at(begin + i_next);
  var place_more = window_at(begin + i_more);
  var image_next = four_of_image(place, down, across, end);
  var image_more = four_of_image(place_more, down, across, end);
  var window_next = four_of_window(column + v, begin + i_next, end);
  var window_more = four_of_window(column + v, begin + i_more, end);
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
  var even_sums = vec4f();
  var odd_sums = vec4f();
  var base = 0u; // of the half that is written, then read
  for (var p = begin; p < end; p += STEP) {
    image_tile[base + slot(i_next, v)] = Stored(image_next);
    image_tile[base + slot(i_more, v)] = Stored(image_more);
    window_tile[base + slot(i_next, v)] = Stored(window_next);
    window_tile[base + slot(i_more, v)] = Stored(window_more);
    workgroupBarrier();
    let next = p + STEP;
    if (next < end) {
      place = hopped(place, hop);
      place_more = hopped(place_more, hop);
      image_next = four_of_image(place, down, across, end);
      image_more = four_of_image(place_more, down, across, end);
      window_next = four_of_window(column + v, next + i_next, end);
      window_more = four_of_window(column + v, next + i_more, end);
    }
    for (var i = 0u; i < STEP; i++) {
      let image_at = base + slot(i, lane_row);
      let filter_at = base + slot(i, lane_column);
      let x = vec4f(image_tile[image_at]); // the even ones of the invocation's weights, then the odd ones
      let y = vec4f(image_tile[image_at + LANES]);
      let even = vec4f(window_tile[filter_at]);
      let odd = vec4f(window_tile[filter_at + LANES]);
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
    if (COLUMN_SUMS == 1u && row == 0u) {
      for (var i = 0u; i < STEP; i++) {
        even_sums += vec4f(window_tile[base + slot(i, lane_column)]);
        odd_sums += vec4f(window_tile[base + slot(i, lane_column) + LANES]);
      }
    }
    base = HALF - base;
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
  let first_row = row + lane_row;
  let first_column = column + lane_column;
  let part = group.y * (params.m + 1u) * params.n;
  for (var i = 0u; i < 64u; i++) {
    let to_row = first_row + i / 8u * LANES;
    let to_column = first_column + i % 8u * LANES;
    if (to_row < params.m && to_column < params.n) {
      parts[part + to_row * params.n + to_column] = tile[i / 8u * 2u + i % 2u][i % 8u / 2u];
    }
  }
  if (COLUMN_SUMS == 1u && first_row == 0u) {
    let sums = array<vec4f, 2>(even_sums, odd_sums);
    for (var i = 0u; i < 8u; i++) {
      let to_column = first_column + i * LANES;
      if (to_column < params.n) {
        parts[part + params.m * params.n + to_column] = sums[i % 2u][i / 2u];
      }
    }
  }
}

// Where vector v of the i-th window lies in a half of workgroup memory. Eight neighbours are permuted by i, so that they lie in
// different banks whether it is v or i in which eight invocations differ.
fn slot(i: u32, v: u32) -> u32 {
  return i * FOURS + (v ^ i);
}

// Image, row and column of a window, and its number.
fn window_at(p: u32) -> vec4u {
  let rest = p / params.columns;
  return vec4u(rest / params.rows, rest % params.rows, p % params.columns, p);
}

// The window that is `hop` after one, without a division.
fn hopped(place: vec4u, hop: vec4u) -> vec4u {
  var to = place + hop;
  if (to.z >= params.columns) {
    to.z -= params.columns;
    to.y += 1u;
  }
  if (to.y >= params.rows) {
    to.y -= params.rows;
    to.x += 1u;
  }
  return to;
}

// What lies in a window under four weights, `down` rows and `across` values from its origin; zeros past the end of the part.
fn four_of_image(place: vec4u, down: vec4i, across: vec4i, end: u32) -> vec4f {
  if (place.w >= end) {
    return vec4f();
  }
  let y = i32(place.y * params.stride) - i32(params.pad_top);
  let x = (i32(place.z * params.stride) - i32(params.pad_left)) * i32(params.channels);
  let origin = (i32(place.x * params.height) + y) * i32(params.width * params.channels) + x;
  let first = place_of(origin, y, x, down.x, across.x);
  if (ONE_TAP == 1u) {
    return vec4f(
      image_value(first, 0u),
      image_value(first, FOURS),
      image_value(first, 2u * FOURS),
      image_value(first, 3u * FOURS),
    );
  }
  return vec4f(
    image_value(first, 0u),
    image_value(place_of(origin, y, x, down.y, across.y), 0u),
    image_value(place_of(origin, y, x, down.z, across.z), 0u),
    image_value(place_of(origin, y, x, down.w, across.w), 0u),
  );
}

// Where a value lies that is `down` rows and `across` values from an origin in row y, value x; below zero outside the image.
fn place_of(origin: i32, y: i32, x: i32, down: i32, across: i32) -> i32 {
  let row_floats = params.width * params.channels;
  let inside = u32(y + down) < params.height && u32(x + across) < row_floats;
  return select(-1, origin + down * i32(row_floats) + across, inside);
}

fn image_value(place: i32, after: u32) -> f32 {
  if (place < 0) {
    return 0.0;
  }
  return image[u32(place) + after];
}

// Values of filters f + FOURS·(0 … 3) in a window. Past the last filter that one repeats; past the end of the part there are zeros.
fn four_of_window(f: u32, at: u32, end: u32) -> vec4f {
  if (at >= end) {
    return vec4f();
  }
  let start = at * params.n;
  let last = params.n - 1u;
  return vec4f(
    windows[start + min(f, last)],
    windows[start + min(f + FOURS, last)],
    windows[start + min(f + 2u * FOURS, last)],
    windows[start + min(f + 3u * FOURS, last)],
  );
}
