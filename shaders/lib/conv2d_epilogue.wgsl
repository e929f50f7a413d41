// Where the outputs of a window go, and what becomes of a finished sum on its way: the formula of conv2d_tile.wgsl.
// An output of a window is a value of a BLOCK × BLOCK block of pixels of the output image: pixels row by row,
// channels within. With BLOCK = 1 it is just [window, output].

// First value of the block of a window, and its pixel row and column.
fn place_of_window(window: u32) -> vec3u {
  if (BLOCK == 1u) {
    return vec3u(window * params.n, 0u, 0u);
  }
  let across = window % params.columns;
  let rest = window / params.columns;
  let y = (rest % params.rows) * BLOCK;
  let x = across * BLOCK;
  let pixel = ((rest / params.rows) * params.out_height + y) * params.out_width + x;
  return vec3u(pixel * params.out_channels, y, x);
}

// Distance of an output from the first value of its block, its pixel row and column in the block, and its channel.
fn place_of_output(output: u32) -> vec4u {
  if (BLOCK == 1u) {
    return vec4u(output, 0u, 0u, output);
  }
  let channel = output % params.out_channels;
  let pixel = output / params.out_channels;
  let y = pixel / BLOCK;
  let x = pixel % BLOCK;
  return vec4u((y * params.out_width + x) * params.out_channels + channel, y, x, channel);
}

// Blocks that reach over the edge of the output image lose what is outside.
fn store_placed(window_place: vec3u, output_place: vec4u, sum: f32) {
  if (BLOCK > 1u && (window_place.y + output_place.y >= params.out_height || window_place.z + output_place.z >= params.out_width)) {
    return;
  }
  let at = window_place.x + output_place.x;
  var value = sum;
  if (ACCUMULATE == 1u) {
    value += out[at];
  }
  if (HAS_BIAS == 1u) {
    value += bias[output_place.w];
  }
  if (GATE != 0u) {
    value *= activation_derivative(GATE, gate[at], params.gate_slope);
  }
  out[at] = activate(ACTIVATION, value, params.activation_slope);
}
