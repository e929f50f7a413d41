// What becomes of a finished product on its way to memory: see the formula in matmul.wgsl.

fn store_four(row: u32, column: u32, product: vec4f) {
  if (row < params.m) {
    let at = row * params.n + column;
    store_one(at, column, product.x);
    store_one(at + 1u, column + 1u, product.y);
    store_one(at + 2u, column + 2u, product.z);
    store_one(at + 3u, column + 3u, product.w);
  }
}

fn store_one(at: u32, column: u32, product: f32) {
  if (column >= params.n) {
    return;
  }
  var value = product;
  if (ACCUMULATE == 1u) {
    value += out[at];
  }
  if (HAS_BIAS == 1u) {
    value += bias[column];
  }
  if (GATE != 0u) {
    value *= activation_derivative(GATE, gate[at], params.gate_slope);
  }
  out[at] = activate(ACTIVATION, value, params.activation_slope);
}

fn store_sums(column: u32, sums: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    if (column + i < params.n) {
      column_sums[column + i] = sums[i];
    }
  }
}
