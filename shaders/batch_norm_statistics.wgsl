// Means, relative to a value of the channel o_c, and squared deviations of the channels of x over each chunk of its rows:
//   partials_k0c = m_kc = Σ_r (x_rc − o_c) / n_k,   partials_k1c = Σ_r (x_rc − o_c − m_kc)²     over the n_k rows r of chunk k
//   x  [rows, channels], row-major      partials  [chunks, 2, channels]      chunk k has rows k·chunk_rows … (k+1)·chunk_rows − 1
// One workgroup: ACROSS neighbouring channels of one chunk, LANES / ACROSS invocations to a channel, each every so many-th
// row, eight at a time; then a fixed tree in workgroup memory brings them together.
// Numeric strategy: float32; differences from o_c, the middle one of three rows, which are exact where the mean is far
// larger than the spread; the moments of eight rows about their own mean, merged with those before. Grid: ⌈channels/ACROSS⌉ × chunks.
// Bytes: 4·rows·channels. Flops: about 5·rows·channels.
// Source: Chan, Golub & LeVeque, Algorithms for computing the sample variance, 1983.
// lib: batch_norm

struct Params {
  rows: u32,
  channels: u32,
  chunk_rows: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> partials: array<f32>;

override LANES: u32 = 256u; // invocations of a workgroup: a multiple of ACROSS, 256 at most
override ACROSS: u32 = 16u; // a power of two, 64 at most

var<workgroup> found: array<Moments, 256>; // [LANES / ACROSS][ACROSS]

@compute @workgroup_size(LANES)
fn batch_norm_statistics(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channels = params.channels;
  let channel = group.x * ACROSS + lane % ACROSS;
  let down = LANES / ACROSS;
  let end = min((group.y + 1u) * params.chunk_rows, params.rows);
  var moments = Moments(0.0, 0.0, 0.0);
  if (channel < channels) {
    var row = group.y * params.chunk_rows + lane / ACROSS;
    let step = down * channels;
    let origin = origin_of(channel);
    for (; row + 7u * down < end; row += 8u * down) {
      let at = row * channels + channel;
      let low = vec4f(x[at], x[at + step], x[at + 2u * step], x[at + 3u * step]) - origin;
      let high = vec4f(x[at + 4u * step], x[at + 5u * step], x[at + 6u * step], x[at + 7u * step]) - origin;
      let mean = dot(low + high, vec4f(0.125));
      let off_low = low - mean;
      let off_high = high - mean;
      moments = merge_moments(moments, Moments(8.0, mean, dot(off_low, off_low) + dot(off_high, off_high)));
    }
    for (; row < end; row += down) {
      moments = merge_moments(moments, Moments(1.0, x[row * channels + channel] - origin, 0.0));
    }
  }
  // Software adapters run one invocation to a channel, for barriers are dear there.
  if (LANES > ACROSS) {
    found[lane] = moments;
    workgroupBarrier();
    for (var half = LANES / 2u; half >= ACROSS; half = half / 2u) {
      if (lane < half) {
        found[lane] = merge_moments(found[lane], found[lane + half]);
      }
      workgroupBarrier();
    }
    moments = found[lane];
  }
  if (lane < ACROSS && channel < channels) {
    let at = group.y * 2u * channels + channel;
    partials[at] = moments.mean;
    partials[at + channels] = moments.squares;
  }
}
