enable subgroups;

// parts[s, (u, v, c), f] = Σ_{p in part s} image[b, r·stride − pad_top + u, q·stride − pad_left + v, c] · windows[p, f]
// and, with COLUMN_SUMS, parts[s, m + …, f] = Σ_{p in part s} windows[p, f];  p = (b, r, q), `each` of them a part
//   image   [batch, height, width, channels], zero outside                      (NHWC)
//   windows [count, n], count = batch·rows·columns
//   parts   [parts, m + 1, n], m = kernel·kernel·channels: the gradient of a convolution's weights in pieces, and of its bias
// The variant for subgroups of exactly four lanes (CPU adapters). One workgroup is one subgroup and has a tile of 32 weights ×
// TILE filters (8, 16 or 32) of one part: lane l has the filters l, l+4, … Four windows at a time; of each four weights every lane
// loads one, neighbours in memory but where a row of the kernel ends, and shuffles it to the others (matmul_subgroup4).
// Numeric strategy: float32, summed over windows in order, four at a time. Grid: ⌈m/32⌉·⌈n/TILE⌉ × parts workgroups.
// Bytes: 4·m·n·count·(1/TILE + 1/32) read, 4·parts·m·n written. Flops: 2·m·n·count.

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
override TILE: u32 = 32u;

@compute @workgroup_size(4)
fn conv2d_weight_subgroup4(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tiles_across = (params.n + TILE - 1u) / TILE;
  let column = (group.x % tiles_across) * TILE;
  let row = (group.x / tiles_across) * 32u;
  let begin = group.y * params.each;
  let end = min(begin + params.each, params.count);
  let row_floats = params.width * params.channels;
  let tap0 = tap_of(row + 0u + lane);
  let tap1 = tap_of(row + 4u + lane);
  let tap2 = tap_of(row + 8u + lane);
  let tap3 = tap_of(row + 12u + lane);
  let tap4 = tap_of(row + 16u + lane);
  let tap5 = tap_of(row + 20u + lane);
  let tap6 = tap_of(row + 24u + lane);
  let tap7 = tap_of(row + 28u + lane);
  var left0 = mat4x4f();
  var right0 = mat4x4f();
  var pair0 = mat2x4f();
  var left1 = mat4x4f();
  var right1 = mat4x4f();
  var pair1 = mat2x4f();
  var left2 = mat4x4f();
  var right2 = mat4x4f();
  var pair2 = mat2x4f();
  var left3 = mat4x4f();
  var right3 = mat4x4f();
  var pair3 = mat2x4f();
  var left4 = mat4x4f();
  var right4 = mat4x4f();
  var pair4 = mat2x4f();
  var left5 = mat4x4f();
  var right5 = mat4x4f();
  var pair5 = mat2x4f();
  var left6 = mat4x4f();
  var right6 = mat4x4f();
  var pair6 = mat2x4f();
  var left7 = mat4x4f();
  var right7 = mat4x4f();
  var pair7 = mat2x4f();
  var sums_left = vec4f();
  var sums_right = vec4f();
  var sums_pair = vec2f();
  // The four windows, as column, row and image; they move on by four without a division.
  let start = vec4u(begin, begin + 1u, begin + 2u, begin + 3u);
  var across = start % params.columns;
  var down = (start / params.columns) % params.rows;
  var images = start / (params.columns * params.rows);
  let step_across = 4u % params.columns;
  let step_down = (4u / params.columns) % params.rows;
  let step_images = 4u / (params.columns * params.rows);
  for (var p = begin; p < end; p += 4u) {
    let ps = vec4u(p, p + 1u, p + 2u, p + 3u);
    let inside = ps < vec4u(end);
    let top = vec4i(down * params.stride) - i32(params.pad_top);
    let x = vec4i(across * params.stride * params.channels) - i32(params.pad_left * params.channels);
    let first = (vec4i(images * params.height) + top) * i32(row_floats) + x;
    let y = select(vec4i(i32(params.height)), top, inside); // windows past the last one see nothing
    if (TILE == 8u) {
      let b_pair = mat2x4f(one_column(column, ps, inside, lane), one_column(column + 4u, ps, inside, lane));
      if (COLUMN_SUMS == 1u) {
        sums_pair += vec4f(1.0) * b_pair;
      }
      pair0 += under(tap0, first, y, x, row_floats) * b_pair;
      pair1 += under(tap1, first, y, x, row_floats) * b_pair;
      pair2 += under(tap2, first, y, x, row_floats) * b_pair;
      pair3 += under(tap3, first, y, x, row_floats) * b_pair;
      pair4 += under(tap4, first, y, x, row_floats) * b_pair;
      pair5 += under(tap5, first, y, x, row_floats) * b_pair;
      pair6 += under(tap6, first, y, x, row_floats) * b_pair;
      pair7 += under(tap7, first, y, x, row_floats) * b_pair;
    } else {
      let b_left = four_columns(column, ps, inside, lane);
      if (COLUMN_SUMS == 1u) {
        sums_left += vec4f(1.0) * b_left;
      }
      let a0 = under(tap0, first, y, x, row_floats);
      left0 += a0 * b_left;
      let a1 = under(tap1, first, y, x, row_floats);
      left1 += a1 * b_left;
      let a2 = under(tap2, first, y, x, row_floats);
      left2 += a2 * b_left;
      let a3 = under(tap3, first, y, x, row_floats);
      left3 += a3 * b_left;
      let a4 = under(tap4, first, y, x, row_floats);
      left4 += a4 * b_left;
      let a5 = under(tap5, first, y, x, row_floats);
      left5 += a5 * b_left;
      let a6 = under(tap6, first, y, x, row_floats);
      left6 += a6 * b_left;
      let a7 = under(tap7, first, y, x, row_floats);
      left7 += a7 * b_left;
      if (TILE == 32u) {
        let b_right = four_columns(column + 16u, ps, inside, lane);
        if (COLUMN_SUMS == 1u) {
          sums_right += vec4f(1.0) * b_right;
        }
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
    across += step_across;
    let over = select(vec4u(0u), vec4u(1u), across >= vec4u(params.columns));
    across -= over * params.columns;
    down += step_down + over;
    let below = select(vec4u(0u), vec4u(1u), down >= vec4u(params.rows));
    down -= below * params.rows;
    images += step_images + below;
  }
  let part = group.y * (params.m + 1u) * params.n;
  let weights = min(params.m - row, 32u);
  if (TILE == 8u) {
    let tile = array<mat2x4f, 8>(pair0, pair1, pair2, pair3, pair4, pair5, pair6, pair7);
    for (var c = 0u; c < 2u; c++) {
      let at = column + c * 4u + lane;
      if (at < params.n) {
        for (var i = 0u; i < weights; i++) {
          parts[part + (row + i) * params.n + at] = tile[i / 4u][c][i % 4u];
        }
        if (COLUMN_SUMS == 1u && row == 0u) {
          parts[part + params.m * params.n + at] = sums_pair[c];
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
      for (var i = 0u; i < weights; i++) {
        parts[part + (row + i) * params.n + at] = tile[(c / 4u) * 8u + i / 4u][c % 4u][i % 4u];
      }
      if (COLUMN_SUMS == 1u && row == 0u) {
        parts[part + params.m * params.n + at] = select(sums_right[c % 4u], sums_left[c % 4u], c < 4u);
      }
    }
  }
}

// Of one weight: its distance in the image from the first value under a window, its row of the kernel, and its distance along.
struct Tap {
  offset: i32,
  y: i32,
  x: i32,
}

fn tap_of(weight: u32) -> Tap {
  let segment = params.kernel * params.channels;
  let at = min(weight, params.m - 1u);
  let y = at / segment;
  let x = at - y * segment;
  return Tap(i32(y * params.width * params.channels + x), i32(y), i32(x));
}

// The values under four windows at four weights, one a lane, the same in every lane: rows are weights, columns windows.
// What lies outside the image is zero.
fn under(tap: Tap, first: vec4i, y: vec4i, x: vec4i, row_floats: u32) -> mat4x4f {
  let at = clamp(first + tap.offset, vec4i(0), vec4i(i32(arrayLength(&image)) - 1));
  let values = vec4f(image[at.x], image[at.y], image[at.z], image[at.w]);
  let inside = (vec4u(y + tap.y) < vec4u(params.height)) & (vec4u(x + tap.x) < vec4u(row_floats));
  let seen = select(vec4f(), values, inside);
  return transpose(mat4x4f(quadBroadcast(seen, 0u), quadBroadcast(seen, 1u), quadBroadcast(seen, 2u), quadBroadcast(seen, 3u)));
}

// The lane's filters column + lane + 4·(0 … 3) at four windows; zero past the last one.
fn four_columns(column: u32, ps: vec4u, inside: vec4<bool>, lane: u32) -> mat4x4f {
  let c0 = one_column(column, ps, inside, lane);
  let c1 = one_column(column + 4u, ps, inside, lane);
  let c2 = one_column(column + 8u, ps, inside, lane);
  let c3 = one_column(column + 12u, ps, inside, lane);
  return mat4x4f(c0, c1, c2, c3);
}

fn one_column(column: u32, ps: vec4u, inside: vec4<bool>, lane: u32) -> vec4f {
  let at = min(ps, vec4u(params.count - 1u)) * params.n + min(column + lane, params.n - 1u);
  return select(vec4f(), vec4f(windows[at.x], windows[at.y], windows[at.z], windows[at.w]), inside);
}
