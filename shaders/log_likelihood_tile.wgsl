// Costs of every observation against a bank of generated samples, folded at once into each observation's running
// statistics (lib/likelihood_state.wgsl); the N×K costs live in registers and 4 KiB of workgroup memory only.
//   l_nk = scale · Σ_d |y − g|  or  scale · Σ_d (y − g)²
//   observations  [n, d]          generated  [count, d]          terms  [4, padded]
//   tail          [n, 2 + capacity]: count, limit, keys of large s (see log_likelihood_tail), appended to if asked for
//   partials      [slices, n] of mat4x4f: the state of the latents of each slice
// The portable variant. One workgroup: 64 observations × one slice of the latents, 64 at a time. Stages of 8 values of
// d go through workgroup memory; each of the 64 invocations has 8 observations × 8 latents in registers. The finished
// costs take the same workgroup memory, 16 latents a round, and each invocation adds those of its observation to its
// state, four at a time.
// Differences are squared directly: no ‖y‖² + ‖g‖² − 2y·g.
// Bytes: 4·n·count·d·(1/64 + 1/64) loaded + 64·n·slices. Flops: 3·n·count·d + about 60·n·count.
// Source: docs/mathematics.md §4; online softmax as in FlashAttention (Dao et al. 2022).
// lib: likelihood_state float_key append_large

struct Params {
  n: u32,
  d: u32,
  count: u32,
  slice: u32, // latents per slice, a multiple of 64
  padded: u32, // row length of terms, a multiple of 4
  tail_stride: u32, // row length of tail
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

const DEPTH: u32 = 8u; // values of d per stage
// While costs are summed: observations [DEPTH, 64], then generated [DEPTH, 64]. Afterwards: costs [16 latents, 64 observations].
var<workgroup> shared_values: array<f32, 1024>;
const GENERATED_AT: u32 = 512u;

fn cost_of(e: vec4f) -> vec4f {
  if (ABSOLUTE == 1u) {
    return abs(e);
  }
  return e * e;
}

fn put_costs(at: u32, low: vec4f, high: vec4f) {
  shared_values[at] = low.x;
  shared_values[at + 64u] = low.y;
  shared_values[at + 128u] = low.z;
  shared_values[at + 192u] = low.w;
  shared_values[at + 256u] = high.x;
  shared_values[at + 320u] = high.y;
  shared_values[at + 384u] = high.z;
  shared_values[at + 448u] = high.w;
}

fn four_at(at: u32) -> vec4f {
  return vec4f(shared_values[at], shared_values[at + 1u], shared_values[at + 2u], shared_values[at + 3u]);
}

@compute @workgroup_size(64)
fn log_likelihood_tile(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u) {
  let first_row = group.x * 64u;
  let tile_row = (local / 8u) * 8u;
  let tile_column = (local % 8u) * 8u;
  let slice_start = group.y * params.slice;
  let slice_end = min(slice_start + params.slice, params.count);
  let n = first_row + local;
  let quads = params.padded / 4u;
  var state = empty_state(terms[3u * quads].x);

  for (var start = slice_start; start < slice_end; start += 64u) {
    var low0 = vec4f(); var high0 = vec4f();
    var low1 = vec4f(); var high1 = vec4f();
    var low2 = vec4f(); var high2 = vec4f();
    var low3 = vec4f(); var high3 = vec4f();
    var low4 = vec4f(); var high4 = vec4f();
    var low5 = vec4f(); var high5 = vec4f();
    var low6 = vec4f(); var high6 = vec4f();
    var low7 = vec4f(); var high7 = vec4f();
    for (var depth = 0u; depth < params.d; depth += DEPTH) {
      // Neighbouring invocations read neighbouring values of d. Beyond the ends: zeros in both, a difference of 0.
      for (var i = local; i < 64u * DEPTH; i += 64u) {
        let p = i % DEPTH;
        let row = i / DEPTH;
        let inside = depth + p < params.d;
        var y = 0.0;
        var g = 0.0;
        if (inside && first_row + row < params.n) {
          y = observations[(first_row + row) * params.d + depth + p];
        }
        if (inside && start + row < slice_end) {
          g = generated[(start + row) * params.d + depth + p];
        }
        shared_values[p * 64u + row] = y;
        shared_values[GENERATED_AT + p * 64u + row] = g;
      }
      workgroupBarrier();
      for (var p = 0u; p < min(DEPTH, params.d - depth); p++) {
        let at = p * 64u;
        let g_low = four_at(GENERATED_AT + at + tile_column);
        let g_high = four_at(GENERATED_AT + at + tile_column + 4u);
        let y_low = four_at(at + tile_row);
        let y_high = four_at(at + tile_row + 4u);
        low0 += cost_of(y_low.x - g_low); high0 += cost_of(y_low.x - g_high);
        low1 += cost_of(y_low.y - g_low); high1 += cost_of(y_low.y - g_high);
        low2 += cost_of(y_low.z - g_low); high2 += cost_of(y_low.z - g_high);
        low3 += cost_of(y_low.w - g_low); high3 += cost_of(y_low.w - g_high);
        low4 += cost_of(y_high.x - g_low); high4 += cost_of(y_high.x - g_high);
        low5 += cost_of(y_high.y - g_low); high5 += cost_of(y_high.y - g_high);
        low6 += cost_of(y_high.z - g_low); high6 += cost_of(y_high.z - g_high);
        low7 += cost_of(y_high.w - g_low); high7 += cost_of(y_high.w - g_high);
      }
      workgroupBarrier();
    }
    for (var round = 0u; round < 4u; round++) {
      if (local % 8u / 2u == round) {
        let at = local % 2u * 512u + tile_row;
        put_costs(at + 0u, low0, high0);
        put_costs(at + 1u, low1, high1);
        put_costs(at + 2u, low2, high2);
        put_costs(at + 3u, low3, high3);
        put_costs(at + 4u, low4, high4);
        put_costs(at + 5u, low5, high5);
        put_costs(at + 6u, low6, high6);
        put_costs(at + 7u, low7, high7);
      }
      workgroupBarrier();
      for (var c = 0u; c < 16u; c += 4u) {
        let k = start + round * 16u + c;
        if (n >= params.n || k >= slice_end) {
          break;
        }
        let valid = vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(slice_end);
        let q = k / 4u;
        let latents = masked(LatentTerms(terms[q], terms[q + quads], terms[q + 2u * quads]), valid);
        let at = c * 64u + local;
        let four = select(
          vec4f(),
          params.scale *
            vec4f(shared_values[at], shared_values[at + 64u], shared_values[at + 128u], shared_values[at + 192u]),
          valid,
        );
        let s = log_weights(four, params.lambda, latents, valid);
        if (KEEP_TAIL == 1u) {
          append_large(n, s);
        }
        state = add_pairs(state, s, four, params.lambda, latents, FAMILIES);
      }
      workgroupBarrier();
    }
  }
  if (n < params.n) {
    partials[group.y * params.n + n] = state;
  }
}
