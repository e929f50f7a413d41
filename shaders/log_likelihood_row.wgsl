// The running statistics (lib/likelihood_state.wgsl) of observations that share no tile: few of them, or each with a
// bank of generated samples of its own.
//   l_nk = scale · Σ_d |y − g|  or  scale · Σ_d (y − g)²
//   observations  [n, d]      generated [bank, d] or [n, bank, d]      terms [4, padded] or [n, 4, padded]
//   tail          [n, 2 + capacity]: count, limit, keys of large s (see log_likelihood_tail), appended to if asked for
//   partials      [slices, n] of mat4x4f: the state of the latents of each slice
// One workgroup: one observation × one slice of the latents. Each of its 64 invocations takes four latents, then the
// next four 256 further on, each cost in 4 interleaved sums over d, and keeps a state of its own; the 64 states are
// merged by a fixed tree. Bytes: 4·n·count·d + 64·n·slices. Flops: 3·n·count·d + about 60·n·count. Source: docs/mathematics.md §4.
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

var<workgroup> states: array<mat4x4f, 64>;

fn cost_of(e: vec4f) -> vec4f {
  if (ABSOLUTE == 1u) {
    return abs(e);
  }
  return e * e;
}

fn generated_at(at: u32) -> vec4f {
  return vec4f(generated[at], generated[at + 1u], generated[at + 2u], generated[at + 3u]);
}

// Costs of the observation at y against the generated samples at g.
fn four_costs(y: u32, g: vec4u) -> vec4f {
  var sums = mat4x4f();
  let whole = params.d - params.d % 4u;
  for (var p = 0u; p < whole; p += 4u) {
    let a = y + p;
    let values = vec4f(observations[a], observations[a + 1u], observations[a + 2u], observations[a + 3u]);
    sums[0] += cost_of(values - generated_at(g.x + p));
    sums[1] += cost_of(values - generated_at(g.y + p));
    sums[2] += cost_of(values - generated_at(g.z + p));
    sums[3] += cost_of(values - generated_at(g.w + p));
  }
  var result = vec4f(sum_of(sums[0]), sum_of(sums[1]), sum_of(sums[2]), sum_of(sums[3]));
  for (var p = whole; p < params.d; p++) {
    let values = vec4f(generated[g.x + p], generated[g.y + p], generated[g.z + p], generated[g.w + p]);
    result += cost_of(observations[y + p] - values);
  }
  return params.scale * result;
}

@compute @workgroup_size(64)
fn log_likelihood_row(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u) {
  let n = group.x;
  let bank = n * params.bank_stride;
  let quads = params.padded / 4u;
  let bank_terms = select(n * 4u * quads, 0u, params.bank_stride == 0u);
  let slice_start = group.y * params.slice;
  let slice_end = min(slice_start + params.slice, params.count);
  var state = empty_state(terms[bank_terms + 3u * quads].x);
  for (var k = slice_start + 4u * local; k < slice_end; k += 256u) {
    let each = vec4u(k, k + 1u, k + 2u, k + 3u);
    let valid = each < vec4u(slice_end);
    let q = bank_terms + k / 4u;
    let latents = masked(LatentTerms(terms[q], terms[q + quads], terms[q + 2u * quads]), valid);
    let samples = (bank + min(each, vec4u(slice_end - 1u))) * params.d;
    let costs = select(vec4f(), four_costs(n * params.d, samples), valid);
    let s = log_weights(costs, params.lambda, latents, valid);
    state = add_pairs(state, s, costs, params.lambda, latents, FAMILIES);
    if (KEEP_TAIL == 1u) {
      append_large(n, s);
    }
  }
  states[local] = state;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half /= 2u) {
    if (local < half) {
      states[local] = merge_states(states[local], states[local + half], params.lambda);
    }
    workgroupBarrier();
  }
  if (local == 0u) {
    partials[group.y * params.n + n] = states[0];
  }
}
