// y_rc = act( γ_c (x_rc − μ_c)/√(σ²_c + ε) + β_c ), with statistics that are given.
//   x, y  [rows, channels], row-major      gamma, beta, mean, variance  [channels]
// One workgroup: ACROSS neighbouring channels of group_rows rows, 64 / ACROSS invocations to a channel.
// Grid: ⌈channels/ACROSS⌉ × ⌈rows/group_rows⌉. Bytes: 8·rows·channels. Flops: about 5·rows·channels.
// Source: Ioffe & Szegedy, Batch normalization, 2015, algorithm 2.
// lib: activation batch_norm

struct Params {
  rows: u32,
  channels: u32,
  group_rows: u32,
  slope: f32, // of leaky ReLU below zero
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> variance: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;

override ACROSS: u32 = 16u; // a power of two, 64 at most
override ACTIVATION: u32 = 0u; // numbers of lib/activation.wgsl

@compute @workgroup_size(64)
fn batch_norm_frozen(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channels = params.channels;
  let channel = group.x * ACROSS + lane % ACROSS;
  if (channel >= channels) {
    return;
  }
  let centre = mean[channel];
  let scale = gamma[channel] / sqrt(variance[channel] + EPSILON);
  let shift = beta[channel];
  let down = 64u / ACROSS;
  let end = min((group.y + 1u) * params.group_rows, params.rows);
  for (var row = group.y * params.group_rows + lane / ACROSS; row < end; row += down) {
    let at = row * channels + channel;
    y[at] = activate(ACTIVATION, (x[at] - centre) * scale + shift, params.slope);
  }
}
