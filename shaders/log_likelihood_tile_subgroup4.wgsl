// Costs of every observation against a bank of generated samples, folded at once into each observation's running
// statistics (lib/likelihood_state.wgsl); the N×K costs live in registers and 4 KiB of workgroup memory only.
//   l_nk = scale · Σ_d |y − g|  or  scale · Σ_d (y − g)²
//   observations  [n, d]          generated  [count, d], d a multiple of 4          terms  [4, padded]
//   tail          [n, 2 + capacity]: count, limit, keys of large s (see log_likelihood_tail), appended to if asked for
//   partials      [slices, n] of mat4x4f: the state of the latents of each slice
// The variant for software adapters with subgroups of 4: scattered loads cost them a hundred times what arithmetic does,
// so that the four lanes of a subgroup take one float each of an observation and hand it round (quadBroadcast).
// One workgroup: 64 observations × one slice of the latents, 64 at a time. Each of its 32 invocations has 16 observations
// × 8 latents in registers, straight from global memory; then owns two observations, and adds their costs to the
// state of each, four at a time, as they come through workgroup memory 16 latents a round (it is small because this
// adapter clears it slowly). Differences are squared directly: no ‖y‖² + ‖g‖² − 2y·g.
// Bytes: 4·n·count·d·(1/64 + 1/64) loaded + 64·n·slices. Flops: 3·n·count·d + about 60·n·count.
// Source: docs/mathematics.md §4; online softmax as in FlashAttention (Dao et al. 2022).
// lib: likelihood_state float_key append_large

enable subgroups;

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
@group(0) @binding(2) var<storage, read> generated: array<vec4f>;
@group(0) @binding(3) var<storage, read> terms: array<f32>;
@group(0) @binding(4) var<storage, read_write> tail: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read_write> partials: array<mat4x4f>;

const ABSOLUTE: u32 = 0u; // specialised: 1 sums |y − g|, 0 (y − g)²
const FAMILIES: u32 = 3u; // specialised: families of weights, see add_pairs
const KEEP_TAIL: u32 = 0u; // specialised

var<workgroup> costs: array<vec4f, 256>; // [64 observations, 16 latents]

fn element_cost(e: vec4f) -> f32 {
  if (ABSOLUTE == 1u) {
    let a = abs(e);
    return (a.x + a.y) + (a.z + a.w);
  }
  return dot(e, e);
}

// Four consecutive values of one observation against the same four of four generated samples.
fn costs_of_four(y: vec4f, g: mat4x4f) -> vec4f {
  return vec4f(element_cost(y - g[0]), element_cost(y - g[1]), element_cost(y - g[2]), element_cost(y - g[3]));
}

// The four values of which each lane has one.
fn gathered(own: f32) -> vec4f {
  return vec4f(quadBroadcast(own, 0u), quadBroadcast(own, 1u), quadBroadcast(own, 2u), quadBroadcast(own, 3u));
}

// The state of observation n with four costs more.
fn fold(
  state: mat4x4f,
  n: u32,
  counts: bool,
  sums: vec4f,
  latents: LatentTerms,
  valid: vec4<bool>,
) -> mat4x4f {
  let scaled = select(vec4f(), params.scale * sums, valid);
  let s = log_weights(scaled, params.lambda, latents, valid);
  if (KEEP_TAIL == 1u && counts) {
    append_large(n, s);
  }
  return add_pairs(state, s, scaled, params.lambda, latents, FAMILIES);
}

@compute @workgroup_size(32)
fn log_likelihood_tile_subgroup4(
  @builtin(local_invocation_index) local: u32,
  @builtin(subgroup_invocation_id) lane: u32,
  @builtin(workgroup_id) group: vec3u,
) {
  let first_row = group.x * 64u;
  let tile_row = (local / 8u) * 16u;
  let tile_column = (local % 8u) * 8u;
  let slice_start = group.y * params.slice;
  let slice_end = min(slice_start + params.slice, params.count);
  let last_row = params.n - 1u;
  let row = first_row + tile_row;
  let y0 = min(row + 0u, last_row) * params.d + lane;
  let y1 = min(row + 1u, last_row) * params.d + lane;
  let y2 = min(row + 2u, last_row) * params.d + lane;
  let y3 = min(row + 3u, last_row) * params.d + lane;
  let y4 = min(row + 4u, last_row) * params.d + lane;
  let y5 = min(row + 5u, last_row) * params.d + lane;
  let y6 = min(row + 6u, last_row) * params.d + lane;
  let y7 = min(row + 7u, last_row) * params.d + lane;
  let y8 = min(row + 8u, last_row) * params.d + lane;
  let y9 = min(row + 9u, last_row) * params.d + lane;
  let y10 = min(row + 10u, last_row) * params.d + lane;
  let y11 = min(row + 11u, last_row) * params.d + lane;
  let y12 = min(row + 12u, last_row) * params.d + lane;
  let y13 = min(row + 13u, last_row) * params.d + lane;
  let y14 = min(row + 14u, last_row) * params.d + lane;
  let y15 = min(row + 15u, last_row) * params.d + lane;

  // A lane without an observation repeats the last one, since all hand terms round; it writes nothing.
  let low_row = min(first_row + local, last_row);
  let high_row = min(first_row + local + 32u, last_row);
  var low_state = empty_state(terms[3u * params.padded]);
  var high_state = low_state;
  let quads = params.d / 4u;
  let last_column = params.count - 1u;
  for (var start = slice_start; start < slice_end; start += 64u) {
    let column = start + tile_column;
    let g0 = min(column + 0u, last_column) * quads;
    let g1 = min(column + 1u, last_column) * quads;
    let g2 = min(column + 2u, last_column) * quads;
    let g3 = min(column + 3u, last_column) * quads;
    let g4 = min(column + 4u, last_column) * quads;
    let g5 = min(column + 5u, last_column) * quads;
    let g6 = min(column + 6u, last_column) * quads;
    let g7 = min(column + 7u, last_column) * quads;
    var low0 = vec4f(); var high0 = vec4f();
    var low1 = vec4f(); var high1 = vec4f();
    var low2 = vec4f(); var high2 = vec4f();
    var low3 = vec4f(); var high3 = vec4f();
    var low4 = vec4f(); var high4 = vec4f();
    var low5 = vec4f(); var high5 = vec4f();
    var low6 = vec4f(); var high6 = vec4f();
    var low7 = vec4f(); var high7 = vec4f();
    var low8 = vec4f(); var high8 = vec4f();
    var low9 = vec4f(); var high9 = vec4f();
    var low10 = vec4f(); var high10 = vec4f();
    var low11 = vec4f(); var high11 = vec4f();
    var low12 = vec4f(); var high12 = vec4f();
    var low13 = vec4f(); var high13 = vec4f();
    var low14 = vec4f(); var high14 = vec4f();
    var low15 = vec4f(); var high15 = vec4f();
    for (var q = 0u; q < quads; q++) {
      let p = q * 4u;
      let low = mat4x4f(generated[g0 + q], generated[g1 + q], generated[g2 + q], generated[g3 + q]);
      let high = mat4x4f(generated[g4 + q], generated[g5 + q], generated[g6 + q], generated[g7 + q]);
      let v0 = gathered(observations[y0 + p]); low0 += costs_of_four(v0, low); high0 += costs_of_four(v0, high);
      let v1 = gathered(observations[y1 + p]); low1 += costs_of_four(v1, low); high1 += costs_of_four(v1, high);
      let v2 = gathered(observations[y2 + p]); low2 += costs_of_four(v2, low); high2 += costs_of_four(v2, high);
      let v3 = gathered(observations[y3 + p]); low3 += costs_of_four(v3, low); high3 += costs_of_four(v3, high);
      let v4 = gathered(observations[y4 + p]); low4 += costs_of_four(v4, low); high4 += costs_of_four(v4, high);
      let v5 = gathered(observations[y5 + p]); low5 += costs_of_four(v5, low); high5 += costs_of_four(v5, high);
      let v6 = gathered(observations[y6 + p]); low6 += costs_of_four(v6, low); high6 += costs_of_four(v6, high);
      let v7 = gathered(observations[y7 + p]); low7 += costs_of_four(v7, low); high7 += costs_of_four(v7, high);
      let v8 = gathered(observations[y8 + p]); low8 += costs_of_four(v8, low); high8 += costs_of_four(v8, high);
      let v9 = gathered(observations[y9 + p]); low9 += costs_of_four(v9, low); high9 += costs_of_four(v9, high);
      let v10 = gathered(observations[y10 + p]); low10 += costs_of_four(v10, low); high10 += costs_of_four(v10, high);
      let v11 = gathered(observations[y11 + p]); low11 += costs_of_four(v11, low); high11 += costs_of_four(v11, high);
      let v12 = gathered(observations[y12 + p]); low12 += costs_of_four(v12, low); high12 += costs_of_four(v12, high);
      let v13 = gathered(observations[y13 + p]); low13 += costs_of_four(v13, low); high13 += costs_of_four(v13, high);
      let v14 = gathered(observations[y14 + p]); low14 += costs_of_four(v14, low); high14 += costs_of_four(v14, high);
      let v15 = gathered(observations[y15 + p]); low15 += costs_of_four(v15, low); high15 += costs_of_four(v15, high);
    }
    for (var round = 0u; round < 4u; round++) {
      if (local % 8u / 2u == round) {
        let at = tile_row * 4u + local % 2u * 2u;
        costs[at + 0u] = low0; costs[at + 1u] = high0;
        costs[at + 4u] = low1; costs[at + 5u] = high1;
        costs[at + 8u] = low2; costs[at + 9u] = high2;
        costs[at + 12u] = low3; costs[at + 13u] = high3;
        costs[at + 16u] = low4; costs[at + 17u] = high4;
        costs[at + 20u] = low5; costs[at + 21u] = high5;
        costs[at + 24u] = low6; costs[at + 25u] = high6;
        costs[at + 28u] = low7; costs[at + 29u] = high7;
        costs[at + 32u] = low8; costs[at + 33u] = high8;
        costs[at + 36u] = low9; costs[at + 37u] = high9;
        costs[at + 40u] = low10; costs[at + 41u] = high10;
        costs[at + 44u] = low11; costs[at + 45u] = high11;
        costs[at + 48u] = low12; costs[at + 49u] = high12;
        costs[at + 52u] = low13; costs[at + 53u] = high13;
        costs[at + 56u] = low14; costs[at + 57u] = high14;
        costs[at + 60u] = low15; costs[at + 61u] = high15;
      }
      workgroupBarrier();
      for (var c = 0u; c < 16u; c += 4u) {
        let k = start + round * 16u + c;
        let valid = vec4u(k, k + 1u, k + 2u, k + 3u) < vec4u(slice_end);
        let own = k + lane;
        let latents = masked(
          LatentTerms(
            gathered(terms[own]),
            gathered(terms[own + params.padded]),
            gathered(terms[own + 2u * params.padded]),
          ),
          valid,
        );
        let at = local * 4u + c / 4u;
        low_state = fold(low_state, low_row, first_row + local < params.n, costs[at], latents, valid);
        high_state = fold(high_state, high_row, first_row + local + 32u < params.n, costs[at + 128u], latents, valid);
      }
      workgroupBarrier();
    }
  }
  if (first_row + local < params.n) {
    partials[group.y * params.n + low_row] = low_state;
  }
  if (first_row + local + 32u < params.n) {
    partials[group.y * params.n + high_row] = high_state;
  }
}
