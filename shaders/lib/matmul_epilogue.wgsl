// What becomes of a finished product on its way to memory: see the formula in matmul.wgsl. The activation is a parameter, so that
// the layers of a network share a pipeline: straight ones by their slope below zero, curved ones in a pass of their own, which the
// kernel makes a loop of no or one round. An adapter that runs lanes in lockstep computes both sides of a branch, but skips such a loop.

fn store_four(row: u32, column: u32, product: vec4f) {
  for (var i = 0u; i < 4u; i++) {
    store_one(row, column + i, product[i]);
  }
}

fn store_one(row: u32, column: u32, product: f32) {
  if (row >= params.m || column >= params.n) {
    return;
  }
  let at = row * params.n + column;
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
  out[at] = select(params.activation_slope * value, value, value > 0.0);
}

// Applies a curved activation to what store_one left.
fn curve_one(row: u32, column: u32) {
  if (row >= params.m || column >= params.n) {
    return;
  }
  let at = row * params.n + column;
  out[at] = activate_curved(params.activation, out[at]);
}

fn store_sum(column: u32, sum: f32) {
  if (column >= params.n) {
    return;
  }
  if (ACCUMULATE == 1u) {
    column_sums[column] += sum;
  } else {
    column_sums[column] = sum;
  }
}
