// y_rc = act( γ_c (x_rc − μ_c)/√(σ²_c + ε) + β_c ),
//   μ_c = o_c + m_c,   m_c = Σ_k n_k m_kc / rows,   σ²_c = Σ_k (s_kc + n_k (m_kc − m_c)²) / rows
//   partials  [chunks, 2, channels]: m_kc and s_kc of chunk k, as batch_norm_statistics leaves them for the same o_c; n_k
//             rows are in it
//   x, y      [rows, channels], row-major      gamma, beta, mean, variance  [channels]
// One workgroup: ACROSS neighbouring channels of group_rows rows, 64 / ACROSS invocations to a channel. Each merges the
// statistics of its channel for itself, all in the same order; the workgroups of the first rows write them.
// Numeric strategy: float32. Grid: ⌈channels/ACROSS⌉ × ⌈rows/group_rows⌉.
// Bytes: 8·rows·channels. Flops: about 5·rows·channels.
// Source: Ioffe & Szegedy, Batch normalization, 2015, algorithm 1.
// lib: activation batch_norm

struct Params {
  rows: u32,
  channels: u32,
  chunk_rows: u32,
  group_rows: u32,
  slope: f32, // of leaky ReLU below zero
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> beta: array<f32>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(0) @binding(6) var<storage, read_write> mean: array<f32>;
@group(0) @binding(7) var<storage, read_write> variance: array<f32>;

override ACROSS: u32 = 16u; // a power of two, 64 at most
override ACTIVATION: u32 = 0u; // numbers of lib/activation.wgsl

@compute @workgroup_size(64)
fn batch_norm(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channels = params.channels;
  let channel = group.x * ACROSS + lane % ACROSS;
  if (channel >= channels) {
    return;
  }
  let of_channel = merged_statistics(channel);
  if (group.y == 0u && lane < ACROSS) {
    mean[channel] = of_channel.x;
    variance[channel] = of_channel.y;
  }
  let scale = gamma[channel] / sqrt(of_channel.y + EPSILON);
  let shift = beta[channel];
  let down = 64u / ACROSS;
  let end = min((group.y + 1u) * params.group_rows, params.rows);
  for (var row = group.y * params.group_rows + lane / ACROSS; row < end; row += down) {
    let at = row * channels + channel;
    y[at] = activate(ACTIVATION, (x[at] - of_channel.x) * scale + shift, params.slope);
  }
}

// μ and σ² of a channel.
fn merged_statistics(channel: u32) -> vec2f {
  let rows = params.rows;
  var sum = 0.0;
  var squares = 0.0;
  var at = channel;
  for (var start = 0u; start < rows; start += params.chunk_rows) {
    sum += f32(min(params.chunk_rows, rows - start)) * partials[at];
    squares += partials[at + params.channels];
    at += 2u * params.channels;
  }
  let mean = sum / f32(rows);
  at = channel;
  for (var start = 0u; start < rows; start += params.chunk_rows) {
    let off = partials[at] - mean;
    squares += f32(min(params.chunk_rows, rows - start)) * off * off;
    at += 2u * params.channels;
  }
  return vec2f(origin_of(channel) + mean, squares / f32(rows));
}
