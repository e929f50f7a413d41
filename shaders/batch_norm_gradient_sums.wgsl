// What the gradients of batch normalisation sum over rows, chunk by chunk, with dz = dy ⊙ act'(y), x̂ = (x − μ)/√(σ² + ε):
//   sums_0c = μ_c,   sums_1c = 1/√(σ²_c + ε),   sums_2c = γ_c,   sums_{3+2k}c = Σ_r dz_rc,   sums_{4+2k}c = Σ_r dz_rc x̂_rc
//   dy, y, x               [rows, channels], row-major; y = act(γ x̂ + β) is not read where act is linear
//   mean, variance, gamma  [channels]
//   sums  [3 + 2·chunks, channels]: the last two formulas over the rows k·chunk_rows … (k+1)·chunk_rows − 1 of chunk k
// One workgroup: ACROSS neighbouring channels of one chunk, LANES / ACROSS invocations to a channel, each every so many-th
// row, in order; then a fixed tree in workgroup memory brings them together. The first three rows of sums are for
// batch_norm_gradient, which has no bindings left for them.
// Numeric strategy: float32. Grid: ⌈channels/ACROSS⌉ × chunks. Bytes: 12·rows·channels. Flops: about 7·rows·channels.
// Source: Ioffe & Szegedy, Batch normalization, 2015, section 3.
// lib: activation batch_norm

struct Params {
  rows: u32,
  channels: u32,
  chunk_rows: u32,
  slope: f32, // of leaky ReLU below zero
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> variance: array<f32>;
@group(0) @binding(6) var<storage, read> gamma: array<f32>;
@group(0) @binding(7) var<storage, read_write> sums: array<f32>;

override LANES: u32 = 256u; // invocations of a workgroup: a multiple of ACROSS, 256 at most
override ACROSS: u32 = 16u; // a power of two, 64 at most
override ACTIVATION: u32 = 0u; // numbers of lib/activation.wgsl

var<workgroup> found: array<vec2f, 256>; // [LANES / ACROSS][ACROSS]: Σ dz, Σ dz (x − μ)

@compute @workgroup_size(LANES)
fn batch_norm_gradient_sums(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channels = params.channels;
  let channel = group.x * ACROSS + lane % ACROSS;
  let down = LANES / ACROSS;
  let end = min((group.y + 1u) * params.chunk_rows, params.rows);
  var total = vec2f();
  var centre = 0.0;
  if (channel < channels) {
    centre = mean[channel];
    var row = group.y * params.chunk_rows + lane / ACROSS;
    let step = down * channels;
    for (; row + 3u * down < end; row += 4u * down) {
      let at = row * channels + channel;
      total += (summand(at, centre) + summand(at + step, centre)) +
        (summand(at + 2u * step, centre) + summand(at + 3u * step, centre));
    }
    for (; row < end; row += down) {
      total += summand(row * channels + channel, centre);
    }
  }
  // Software adapters run one invocation to a channel, for barriers are dear there.
  if (LANES > ACROSS) {
    found[lane] = total;
    workgroupBarrier();
    for (var half = LANES / 2u; half >= ACROSS; half = half / 2u) {
      if (lane < half) {
        found[lane] += found[lane + half];
      }
      workgroupBarrier();
    }
    total = found[lane];
  }
  if (lane < ACROSS && channel < channels) {
    let inverse = 1.0 / sqrt(variance[channel] + EPSILON);
    if (group.y == 0u) {
      sums[channel] = centre;
      sums[channels + channel] = inverse;
      sums[2u * channels + channel] = gamma[channel];
    }
    let at = (3u + 2u * group.y) * channels + channel;
    sums[at] = total.x;
    sums[at + channels] = total.y * inverse;
  }
}

// dz, and dz (x − μ), of one value.
fn summand(at: u32, centre: f32) -> vec2f {
  var dz = dy[at];
  if (ACTIVATION != 0u) {
    dz *= activation_derivative(ACTIVATION, y[at], params.slope);
  }
  return vec2f(dz, dz * (x[at] - centre));
}
