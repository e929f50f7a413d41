// RMSProp:  s = decay·s + (1 − decay)g²    p −= rate·g/√(s + ε)
//   parameters, gradients, average  [size] flat, a multiple of 4     moments  [size]: s
//   count    [64·workgroups]: updates made so far, a copy for each invocation so that none reads what another writes
//   guard    [4] or more: word 0, the fault, is raised by a gradient or an objective that is not finite; the
//            next objective sees it, and nothing changes any more. Words SCALE_AT …: see lib/optimiser
//   scalars  [16] of the objective: the update is made only if it is finite and the skip rule, where on, allows it
//   norms    [norm_count] partial Σg², with HAS_CLIP or SCALE_AT   average  with HAS_AVERAGE: a = decay·a + (1 − decay)·p
// With HAS_BOUND every p is then brought into [−weight_bound, weight_bound].
// One workgroup: 64 invocations, 2048 consecutive elements. A gradient that is not finite counts as 0 and raises the fault;
// with SCALE_AT it leaves the whole update out instead, see lib/optimiser.
// Bytes: about 20·size. Flops: about 8·size.
// Source: Tieleman & Hinton, "Lecture 6.5: rmsprop", 2012; ε under the root as in TensorFlow 1.
// lib: optimiser

struct Params {
  size: u32,
  enabled: u32,
  norm_count: u32,
  rate: f32,
  decay: f32,
  one_minus_decay: f32,
  epsilon: f32,
  clip_norm: f32,
  weight_bound: f32,
  average_decay: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(2) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> moments: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> count: array<u32>;
@group(0) @binding(5) var<storage, read_write> guard: array<u32>;
@group(0) @binding(6) var<storage, read> scalars: array<f32>;
@group(0) @binding(7) var<storage, read> norms: array<f32>;
@group(0) @binding(8) var<storage, read_write> average: array<vec4f>;

override HAS_CLIP: u32 = 0u;
override HAS_BOUND: u32 = 0u;
override HAS_AVERAGE: u32 = 0u;
override SKIP_RULE: u32 = 0u;
override SCALE_AT: u32 = 0u; // index in guard; 0 where the loss has no scale
override FINITE_AT: u32 = 0u; // indices in scalars
override MEAN_REAL_AT: u32 = 0u;
override MEAN_FAKE_AT: u32 = 0u;
override GRADIENT_SCALE_AT: u32 = 0u;

@compute @workgroup_size(64)
fn optimiser_rmsprop(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  if (!update_allowed()) {
    note_objective();
    return;
  }
  let factor = gradient_factor();
  if (is_left_out(factor, group.x == 0u && lane == 0u)) {
    return;
  }
  let step = count[group.x * 64u + lane] + 1u;
  count[group.x * 64u + lane] = step;
  var sound = true;
  let end = min(params.size / 4u, group.x * 512u + 512u);
  for (var i = group.x * 512u + lane; i < end; i += 64u) {
    let g = gradients[i] * factor;
    let is_sound = are_finite(g);
    sound = sound && all(is_sound);
    update(i, select(vec4f(), g, is_sound));
  }
  if (!sound) {
    guard[0] = 1u;
  }
}

fn update(i: u32, g: vec4f) {
  let before = parameters[i];
  let s = params.decay * moments[i] + params.one_minus_decay * g * g;
  moments[i] = s;
  let after = bounded(before - params.rate * g / sqrt(s + vec4f(params.epsilon)));
  parameters[i] = after;
  move_average(i, after);
}
