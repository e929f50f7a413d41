enable subgroups;

// out = act( (old out + Σ_{u,v,c} image[b, r·stride − pad_top + u, q·stride − pad_left + v, c] · weight[u, v, c, :] + bias) ⊙ act'(gate) )
//   image  [batch, height, width, channels], zero outside                      (NHWC)
//   weight [tap_rows, tap_columns, channels, n]        windows (r, q): rows × columns of each image, m = batch·rows·columns
//   out    [m, n]; with BLOCK = s > 1 (transposed convolution) [batch, out_height, out_width, out_channels] instead, where
//          n = s·s·out_channels and window (r, q) gives the pixels r·s … r·s + s−1 by q·s … q·s + s−1 (lib/conv2d_epilogue)
//   bias   [out_channels], with HAS_BIAS               gate like out, with GATE: outputs of the activation whose derivative it is
//   with ACCUMULATE the sum is added to what is in out
// The variant for subgroups of exactly four lanes (CPU adapters). One workgroup is one subgroup and has a tile of 32 windows ×
// TILE outputs (4, 8, 16 or 32): the lanes share the windows, lane l has the outputs l, l+4, … For one row of taps the values
// under a window are neighbours in memory, so that every load is of four neighbours, one a lane; the image's go to all lanes
// by a register shuffle, and products are 4×4×4 blocks, as in matmul_subgroup4. No column matrix is ever made.
// Numeric strategy: float32, summed over (u, v, c) in order, four at a time. Grid: ⌈m/32⌉·⌈n/TILE⌉ workgroups, 1024 a row.
// Bytes: 4·m·n·k·(1/TILE + 1/32) read, 4·m·n written, k = tap_rows·tap_columns·channels. Flops: 2·m·n·k.
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
override TILE: u32 = 32u;

@compute @workgroup_size(4)
fn conv2d_subgroup4(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tiles_across = (params.n + TILE - 1u) / TILE;
  let nth = group.y * GRID_WIDTH + group.x;
  let column = (nth % tiles_across) * TILE;
  let row = (nth / tiles_across) * 32u;
  if (row >= params.m) {
    return;
  }
  let row_floats = i32(params.width * params.channels);
  let segment = params.tap_columns * params.channels; // values under one row of taps
  let w0 = four_windows(row + 0u);
  let w1 = four_windows(row + 4u);
  let w2 = four_windows(row + 8u);
  let w3 = four_windows(row + 12u);
  let w4 = four_windows(row + 16u);
  let w5 = four_windows(row + 20u);
  let w6 = four_windows(row + 24u);
  let w7 = four_windows(row + 28u);
  var left0 = mat4x4f();
  var right0 = mat4x4f();
  var narrow0 = vec4f();
  var pair0 = mat2x4f();
  var left1 = mat4x4f();
  var right1 = mat4x4f();
  var narrow1 = vec4f();
  var pair1 = mat2x4f();
  var left2 = mat4x4f();
  var right2 = mat4x4f();
  var narrow2 = vec4f();
  var pair2 = mat2x4f();
  var left3 = mat4x4f();
  var right3 = mat4x4f();
  var narrow3 = vec4f();
  var pair3 = mat2x4f();
  var left4 = mat4x4f();
  var right4 = mat4x4f();
  var narrow4 = vec4f();
  var pair4 = mat2x4f();
  var left5 = mat4x4f();
  var right5 = mat4x4f();
  var narrow5 = vec4f();
  var pair5 = mat2x4f();
  var left6 = mat4x4f();
  var right6 = mat4x4f();
  var narrow6 = vec4f();
  var pair6 = mat2x4f();
  var left7 = mat4x4f();
  var right7 = mat4x4f();
  var narrow7 = vec4f();
  var pair7 = mat2x4f();
  for (var u = 0u; u < params.tap_rows; u++) {
    let down = i32(u) * row_floats;
    let at0 = w0.first + down;
    let end0 = reach(w0.y + i32(u), row_floats);
    let at1 = w1.first + down;
    let end1 = reach(w1.y + i32(u), row_floats);
    let at2 = w2.first + down;
    let end2 = reach(w2.y + i32(u), row_floats);
    let at3 = w3.first + down;
    let end3 = reach(w3.y + i32(u), row_floats);
    let at4 = w4.first + down;
    let end4 = reach(w4.y + i32(u), row_floats);
    let at5 = w5.first + down;
    let end5 = reach(w5.y + i32(u), row_floats);
    let at6 = w6.first + down;
    let end6 = reach(w6.y + i32(u), row_floats);
    let at7 = w7.first + down;
    let end7 = reach(w7.y + i32(u), row_floats);
    for (var k = 0u; k < segment; k += 4u) {
      let mine = i32(k + lane);
      let start = u * segment + k;
      let inside = vec4f(vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(segment));
      if (TILE == 4u) {
        let c = inside * one_column(column, start, lane);
        narrow0 += under(at0, w0.x, end0, mine) * c;
        narrow1 += under(at1, w1.x, end1, mine) * c;
        narrow2 += under(at2, w2.x, end2, mine) * c;
        narrow3 += under(at3, w3.x, end3, mine) * c;
        narrow4 += under(at4, w4.x, end4, mine) * c;
        narrow5 += under(at5, w5.x, end5, mine) * c;
        narrow6 += under(at6, w6.x, end6, mine) * c;
        narrow7 += under(at7, w7.x, end7, mine) * c;
        continue;
      }
      if (TILE == 8u) {
        let c = mat2x4f(inside * one_column(column, start, lane), inside * one_column(column + 4u, start, lane));
        pair0 += under(at0, w0.x, end0, mine) * c;
        pair1 += under(at1, w1.x, end1, mine) * c;
        pair2 += under(at2, w2.x, end2, mine) * c;
        pair3 += under(at3, w3.x, end3, mine) * c;
        pair4 += under(at4, w4.x, end4, mine) * c;
        pair5 += under(at5, w5.x, end5, mine) * c;
        pair6 += under(at6, w6.x, end6, mine) * c;
        pair7 += under(at7, w7.x, end7, mine) * c;
        continue;
      }
      let b_left = four_columns(column, start, inside, lane);
      let a0 = under(at0, w0.x, end0, mine);
      left0 += a0 * b_left;
      let a1 = under(at1, w1.x, end1, mine);
      left1 += a1 * b_left;
      let a2 = under(at2, w2.x, end2, mine);
      left2 += a2 * b_left;
      let a3 = under(at3, w3.x, end3, mine);
      left3 += a3 * b_left;
      let a4 = under(at4, w4.x, end4, mine);
      left4 += a4 * b_left;
      let a5 = under(at5, w5.x, end5, mine);
      left5 += a5 * b_left;
      let a6 = under(at6, w6.x, end6, mine);
      left6 += a6 * b_left;
      let a7 = under(at7, w7.x, end7, mine);
      left7 += a7 * b_left;
      if (TILE == 32u) {
        let b_right = four_columns(column + 16u, start, inside, lane);
        right0 += a0 * b_right;
        right1 += a1 * b_right;
        right2 += a2 * b_right;
        right3 += a3 * b_right;
        right4 += a4 * b_right;
        right5 += a5 * b_right;
        right6 += a6 * b_right;
        right7 += a7 * b_right;
      }
    }
  }
  var places = array<vec3u, 32>();
  for (var i = 0u; i < 32u; i++) {
    places[i] = place_of_window(row + i);
  }
  let windows = min(params.m - row, 32u);
  if (TILE == 4u) {
    let tile = array<vec4f, 8>(narrow0, narrow1, narrow2, narrow3, narrow4, narrow5, narrow6, narrow7);
    if (column + lane < params.n) {
      let place = place_of_output(column + lane);
      for (var i = 0u; i < windows; i++) {
        store_placed(places[i], place, tile[i / 4u][i % 4u]);
      }
    }
    return;
  }
  if (TILE == 8u) {
    let tile = array<mat2x4f, 8>(pair0, pair1, pair2, pair3, pair4, pair5, pair6, pair7);
    for (var c = 0u; c < 2u; c++) {
      let at = column + c * 4u + lane;
      if (at < params.n) {
        let place = place_of_output(at);
        for (var i = 0u; i < windows; i++) {
          store_placed(places[i], place, tile[i / 4u][c][i % 4u]);
        }
      }
    }
    return;
  }
  let tile = array<mat4x4f, 16>(
    left0, left1, left2, left3, left4, left5, left6, left7,
    right0, right1, right2, right3, right4, right5, right6, right7,
  );
  for (var c = 0u; c < TILE / 4u; c++) {
    let at = column + c * 4u + lane;
    if (at < params.n) {
      let place = place_of_output(at);
      for (var i = 0u; i < windows; i++) {
        store_placed(places[i], place, tile[(c / 4u) * 8u + i / 4u][c % 4u][i % 4u]);
      }
    }
  }
}

// Of four windows: index of the first value under the first row of taps, which may lie before the image; that row; and the
// distance of that value from the start of its row of the image.
struct Windows {
  first: vec4i,
  y: vec4i,
  x: vec4i,
}

fn four_windows(row: u32) -> Windows {
  let windows = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(params.m - 1u));
  let rest = windows / params.columns;
  let across = windows - rest * params.columns;
  let images = rest / params.rows;
  let down = rest - images * params.rows;
  let y = vec4i(down * params.stride) - i32(params.pad_top);
  let x = (vec4i(across * params.stride) - i32(params.pad_left)) * i32(params.channels);
  let first = (vec4i(images * params.height) + y) * i32(params.width * params.channels) + x;
  return Windows(first, y, x);
}

// Values of the image's row that a row of taps may touch: all of them, or none outside the image.
fn reach(y: vec4i, row_floats: i32) -> vec4u {
  let inside = (y >= vec4i(0)) & (y < vec4i(i32(params.height)));
  return select(vec4u(0u), vec4u(u32(row_floats)), inside);
}

// Values k … k+3 of a row of taps under four windows, the same in every lane: column q of the matrix is k+q. `mine` is
// k + lane; what lies outside the image is zero.
fn under(first: vec4i, x: vec4i, end: vec4u, mine: i32) -> mat4x4f {
  let at = clamp(first + mine, vec4i(0), vec4i(i32(arrayLength(&image)) - 1));
  let values = vec4f(image[at.x], image[at.y], image[at.z], image[at.w]);
  let seen = select(vec4f(), values, vec4u(x + mine) < end);
  return mat4x4f(quadBroadcast(seen, 0u), quadBroadcast(seen, 1u), quadBroadcast(seen, 2u), quadBroadcast(seen, 3u));
}

// The lane's outputs column + lane + 4·(0 … 3), at values `start` … from+3 under the window; zero past the row of taps.
fn four_columns(column: u32, start: u32, inside: vec4f, lane: u32) -> mat4x4f {
  let c0 = inside * one_column(column, start, lane);
  let c1 = inside * one_column(column + 4u, start, lane);
  let c2 = inside * one_column(column + 8u, start, lane);
  let c3 = inside * one_column(column + 12u, start, lane);
  return mat4x4f(c0, c1, c2, c3);
}

fn one_column(column: u32, start: u32, lane: u32) -> vec4f {
  let last = params.tap_rows * params.tap_columns * params.channels - 1u;
  let at = min(vec4u(start, start + 1u, start + 2u, start + 3u), vec4u(last)) * params.n + min(column + lane, params.n - 1u);
  return vec4f(weight[at.x], weight[at.y], weight[at.z], weight[at.w]);
}
