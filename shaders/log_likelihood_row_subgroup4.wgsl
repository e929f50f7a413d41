enable subgroups;

// The running statistics (lib/likelihood_state.wgsl) of observations that share no tile: few of them, or each with a
// bank of generated samples of its own.
//   l_nk = scale · Σ_d |y − g|  or  scale · Σ_d (y − g)²
//   observations  [n, d]      generated [bank, d] or [n, bank, d]      terms [4, padded] or [n, 4, padded]
//   tail          [n, 2 + capacity]: count, limit, keys of large s (see log_likelihood_tail), appended to if asked for
//   partials      [slices, n] of mat4x4f: the state of the latents of each slice
// The variant for subgroups of exactly four lanes (CPU adapters), which scattered loads and barriers cost a hundred times what
// arithmetic does. One workgroup: one subgroup, one observation × one slice of the latents, 16 at a time. Each lane has every
// fourth value of d, so that a load of the four is one of neighbours; sums go over the lanes by shuffles, each lane adds four
// of the 16 pairs to a state of its own, and the four states are merged by a fixed tree. Differences are squared directly.
// Bytes: 4·n·count·d + 64·n·slices. Flops: 3·n·count·d + about 60·n·count. Source: docs/mathematics.md §4.
// lib: likelihood_state float_key append_large

struct Params {
  n: u32,
  d: u32,
  count: u32,
  slice: u32, // latents per slice, a multiple of 4
  padded: u32, // row length of terms, a multiple of 4
  tail_stride: u32, // row length of tail
  bank_stride: u32, // latents from one observation's bank to the next one's, 0 for a shared bank
  scale: f32,
  lambda: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> observations: array<f32>;
@group(0) @binding(2) var<storage, read> generated: array<f32>;
@group(0) @binding(3) var<storage, read> terms: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> tail: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read_write> partials: array<mat4x4f>;

const ABSOLUTE: u32 = 0u; // specialised: 1 sums |y − g|, 0 (y − g)²
const FAMILIES: u32 = 3u; // specialised: families of weights, see add_pairs
const KEEP_TAIL: u32 = 0u; // specialised

fn cost_of(e: f32) -> f32 {
  if (ABSOLUTE == 1u) {
    return abs(e);
  }
  return e * e;
}

// Costs at one place of d of the samples that are at g there, against the value y.
fn four_costs(y: f32, g: vec4u) -> vec4f {
  return vec4f(
    cost_of(y - generated[g.x]),
    cost_of(y - generated[g.y]),
    cost_of(y - generated[g.z]),
    cost_of(y - generated[g.w]),
  );
}

// Where four neighbouring samples of a bank begin, the last one over again for those beyond it.
fn samples_at(bank: u32, k: u32, end: u32) -> vec4u {
  return (bank + min(vec4u(k, k + 1u, k + 2u, k + 3u), vec4u(end - 1u))) * params.d;
}

// The sums over the four lanes.
fn over_lanes(x: vec4f) -> vec4f {
  let pairs = x + subgroupShuffleXor(x, 1u);
  return pairs + subgroupShuffleXor(pairs, 2u);
}

@compute @workgroup_size(4)
fn log_likelihood_row_subgroup4(
  @builtin(local_invocation_index) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let n = group.x;
  let bank = n * params.bank_stride;
  let quads = params.padded / 4u;
  let bank_terms = select(n * 4u * quads, 0u, params.bank_stride == 0u);
  let slice_start = group.y * params.slice;
  let slice_end = min(slice_start + params.slice, params.count);
  let y = n * params.d;
  var state = empty_state(terms[bank_terms + 3u * quads].x);
  for (var k = slice_start; k < slice_end; k += 16u) {
    let g0 = samples_at(bank, k, slice_end);
    let g1 = samples_at(bank, k + 4u, slice_end);
    let g2 = samples_at(bank, k + 8u, slice_end);
    let g3 = samples_at(bank, k + 12u, slice_end);
    var sums = mat4x4f();
    for (var p = lane; p < params.d; p += 4u) {
      let value = observations[y + p];
      sums[0] += four_costs(value, g0 + p);
      sums[1] += four_costs(value, g1 + p);
      sums[2] += four_costs(value, g2 + p);
      sums[3] += four_costs(value, g3 + p);
    }
    let all = mat4x4f(over_lanes(sums[0]), over_lanes(sums[1]), over_lanes(sums[2]), over_lanes(sums[3]));
    let first = k + 4u * lane;
    let valid = vec4u(first, first + 1u, first + 2u, first + 3u) < vec4u(slice_end);
    let q = bank_terms + min(first / 4u, quads - 1u);
    let latents = masked(LatentTerms(terms[q], terms[q + quads], terms[q + 2u * quads]), valid);
    let costs = select(vec4f(), params.scale * all[lane], valid);
    let s = log_weights(costs, params.lambda, latents, valid);
    state = add_pairs(state, s, costs, params.lambda, latents, FAMILIES);
    if (KEEP_TAIL == 1u) {
      append_large(n, s);
    }
  }
  for (var distance = 1u; distance < 4u; distance *= 2u) {
    let other = mat4x4f(
      subgroupShuffleXor(state[0], distance),
      subgroupShuffleXor(state[1], distance),
      subgroupShuffleXor(state[2], distance),
      subgroupShuffleXor(state[3], distance),
    );
    state = merge_states(state, other, params.lambda);
  }
  if (lane == 0u) {
    partials[group.y * params.n + n] = state;
  }
}
