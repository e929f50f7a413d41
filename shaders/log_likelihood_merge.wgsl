// Adds a chunk's partial states to the running state of each observation: state ← state ⊕ partial_0 ⊕ partial_1 ⊕ …,
// in that order; the first chunk starts from partial_0 alone.
//   partials [slices, n] of mat4x4f      state [n] of mat4x4f, read and written (lib/likelihood_state.wgsl)
// One workgroup: 64 observations, one to an invocation. Bytes: 64·n·(slices + 2). Flops: about 60·n·slices.
// Source: the merge of online softmaxes (Milakov & Gimelshein 2018, §3.1).
// lib: likelihood_state

struct Params {
  n: u32,
  slices: u32,
  first: u32, // 1 in the first chunk, where `state` holds nothing yet
  lambda: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> partials: array<mat4x4f>;
@group(0) @binding(2) var<storage, read_write> state: array<mat4x4f>;

@compute @workgroup_size(64)
fn log_likelihood_merge(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var n = id.x; n < params.n; n += groups.x * 64u) {
    var merged = state[n];
    if (params.first != 0u) {
      merged = partials[n];
    }
    for (var slice = params.first; slice < params.slices; slice++) {
      merged = merge_states(merged, partials[slice * params.n + n], params.lambda);
    }
    state[n] = merged;
  }
}
