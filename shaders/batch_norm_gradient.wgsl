// Gradients of batch normalisation, with dz = dy ⊙ act'(y), x̂ = (x − μ)/√(σ² + ε) and R rows:
//   dβ_c = Σ_r dz_rc,   dγ_c = Σ_r dz_rc x̂_rc,   dx_rc = γ_c/√(σ²_c + ε) · (dz_rc − dβ_c/R − x̂_rc dγ_c/R)
//   FROZEN, where μ and σ² do not depend on x:   dx_rc = γ_c/√(σ²_c + ε) · dz_rc
//   dy, y, x, dx    [rows, channels], row-major; y is not read where act is linear
//   sums            [3 + 2·chunks, channels] as batch_norm_gradient_sums leaves them
//   dgamma, dbeta   [channels]
// One workgroup: ACROSS neighbouring channels of group_rows rows, 64 / ACROSS invocations to a channel. Each adds up the
// chunks of its channel for itself, all in the same order; the workgroups of the first rows write the sums.
// Numeric strategy: float32. Grid: ⌈channels/ACROSS⌉ × ⌈rows/group_rows⌉. Bytes: 16·rows·channels. Flops: about 8·rows·channels.
// Source: Ioffe & Szegedy, Batch normalization, 2015, section 3.
// lib: activation

struct Params {
  rows: u32,
  channels: u32,
  chunks: u32,
  group_rows: u32,
  slope: f32, // of leaky ReLU below zero
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read> sums: array<f32>;
@group(0) @binding(5) var<storage, read_write> dx: array<f32>;
@group(0) @binding(6) var<storage, read_write> dgamma: array<f32>;
@group(0) @binding(7) var<storage, read_write> dbeta: array<f32>;

override ACROSS: u32 = 16u; // a power of two, 64 at most
override ACTIVATION: u32 = 0u; // numbers of lib/activation.wgsl
override FROZEN: u32 = 0u;

@compute @workgroup_size(64)
fn batch_norm_gradient(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channels = params.channels;
  let channel = group.x * ACROSS + lane % ACROSS;
  if (channel >= channels) {
    return;
  }
  var total = vec2f(); // dβ, dγ
  for (var chunk = 0u; chunk < params.chunks; chunk++) {
    let at = (3u + 2u * chunk) * channels + channel;
    total += vec2f(sums[at], sums[at + channels]);
  }
  if (group.y == 0u && lane < ACROSS) {
    dbeta[channel] = total.x;
    dgamma[channel] = total.y;
  }
  let centre = sums[channel];
  let inverse = sums[channels + channel];
  let scale = sums[2u * channels + channel] * inverse;
  let level = total.x / f32(params.rows);
  let tilt = total.y / f32(params.rows) * inverse;
  let down = 64u / ACROSS;
  let end = min((group.y + 1u) * params.group_rows, params.rows);
  for (var row = group.y * params.group_rows + lane / ACROSS; row < end; row += down) {
    let at = row * channels + channel;
    var dz = dy[at];
    if (ACTIVATION != 0u) {
      dz *= activation_derivative(ACTIVATION, y[at], params.slope);
    }
    if (FROZEN == 0u) {
      dz -= level + (x[at] - centre) * tilt;
    }
    dx[at] = scale * dz;
  }
}
