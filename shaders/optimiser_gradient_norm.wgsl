// Partial sums of squares of a flat gradient: norms[w] = Σ over the elements w, w + W, w + 2W, … (in blocks of 64) of g².
//   gradients  [size]      norms  [norm_count], one for each of the W workgroups
// One workgroup: 64 invocations, strided over the whole; a fixed tree in workgroup memory brings its 64 sums together.
// A sum that is not finite is what the update goes by: it raises the fault, or of scaled losses leaves the update out. Bytes: 4·size. Flops: 2·size.
// Source: the global norm of Pascanu, Mikolov & Bengio, ICML 2013.
// lib: workgroup_sum

struct Params {
  size: u32,
  norm_count: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradients: array<f32>;
@group(0) @binding(2) var<storage, read_write> norms: array<f32>;

@compute @workgroup_size(64)
fn optimiser_gradient_norm(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = group.x * 64u + lane; i < params.size; i += params.norm_count * 64u) {
    sum += gradients[i] * gradients[i];
  }
  let total = workgroup_sum(lane, sum);
  if (lane == 0u) {
    norms[group.x] = total;
  }
}
