// Adam, and AdamW where weight_decay > 0:
//   m = β₁m + (1 − β₁)g    v = β₂v + (1 − β₂)g²    p −= rate·( m̂/(√v̂ + ε) + weight_decay·p )
//   m̂ = m/(1 − β₁ᵗ)  v̂ = v/(1 − β₂ᵗ), t the number of updates with this one
//   parameters, gradients, average  [size] flat, a multiple of 4     moments  [2, size]: m, then v
//   count    [64·workgroups]: updates made so far, a copy for each invocation so that none reads what another writes
//   guard    [4] or more: word 0, the fault, is raised by a gradient or an objective that is not finite; the
//            next objective sees it, and nothing changes any more. Words SCALE_AT …: see lib/optimiser
//   scalars  [16] of the objective: the update is made only if it is finite and the skip rule, where on, allows it
//   norms    [norm_count] partial Σg², with HAS_CLIP or SCALE_AT   average  with HAS_AVERAGE: a = decay·a + (1 − decay)·p
// With HAS_BOUND every p is then brought into [−weight_bound, weight_bound].
// One workgroup: 64 invocations, 2048 consecutive elements. A gradient that is not finite counts as 0 and raises the fault;
// with SCALE_AT it leaves the whole update out instead, see lib/optimiser.
// Bytes: about 28·size. Flops: about 15·size.
// Source: Kingma & Ba, "Adam", ICLR 2015; Loshchilov & Hutter, "Decoupled weight decay regularization", ICLR 2019.
// lib: optimiser

struct Params {
  size: u32,
  enabled: u32,
  norm_count: u32,
  rate: f32,
  beta1: f32,
  beta2: f32,
  one_minus_beta1: f32,
  one_minus_beta2: f32,
  epsilon: f32,
  weight_decay: f32,
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
fn optimiser_adam(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
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
  let correction1 = 1.0 / (1.0 - power(params.beta1, step));
  let correction2 = 1.0 / (1.0 - power(params.beta2, step));
  var sound = true;
  let end = min(params.size / 4u, group.x * 512u + 512u);
  for (var i = group.x * 512u + lane; i < end; i += 64u) {
    let g = gradients[i] * factor;
    let is_sound = are_finite(g);
    sound = sound && all(is_sound);
    update(i, select(vec4f(), g, is_sound), correction1, correction2);
  }
  if (!sound) {
    guard[0] = 1u;
  }
}

fn update(i: u32, g: vec4f, correction1: f32, correction2: f32) {
  let before = parameters[i];
  let m = params.beta1 * moments[i] + params.one_minus_beta1 * g;
  let v = params.beta2 * moments[params.size / 4u + i] + params.one_minus_beta2 * g * g;
  moments[i] = m;
  moments[params.size / 4u + i] = v;
  let direction = m * correction1 / (sqrt(v * correction2) + vec4f(params.epsilon));
  let after = bounded(before - params.rate * (direction + params.weight_decay * before));
  parameters[i] = after;
  move_average(i, after);
}
