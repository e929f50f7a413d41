// The running statistics of one observation over its latents, and how pairs and other such states are added to them.
// Three families of weights run side by side, each a softmax kept relative to its running maximum (the online softmax
// of Milakov & Gimelshein 2018). For a pair of cost l:
//   importance  s = −l/λ + ratio             ratio = log f_X(x) − log q(x), 0 for latents from the prior
//   surrogate   t = s − (D₂ − reference)/λ   reference: one critic value of the bank, so that a constant in D₂ cancels
//   paper       u = −(l + D₂ − reference)/λ − ½‖x‖²
// A state is 16 floats, four columns of a mat4x4f:
//   0  max s, Σeˢ, Σe²ˢ, reference            eˢ stands for exp(s − max s), and so on
//   1  max t, Σeᵗ, Σe²ᵗ, Σeᵗ(t − max t)
//   2  Σeᵗl, Σeᵗ½‖x‖², Σeᵗ·ratio, 0
//   3  max u, Σeᵘ, Σeᵘ(u − max u), Σeᵘ(l/λ + ½‖x‖²)
// No infinities: an empty family has the maximum LOWEST and zero sums, and exponents below −87 give 0.

const LOWEST: f32 = -1e30;

// What four pairs need to know of their latents, from `log_likelihood_terms`: (D₂ − reference)/λ, ½‖x‖², ratio.
struct LatentTerms {
  critic: vec4f,
  half_norm: vec4f,
  ratio: vec4f,
}

fn empty_state(reference: f32) -> mat4x4f {
  return mat4x4f(
    vec4f(LOWEST, 0.0, 0.0, reference),
    vec4f(LOWEST, 0.0, 0.0, 0.0),
    vec4f(),
    vec4f(LOWEST, 0.0, 0.0, 0.0),
  );
}

// exp(x) for x ≤ 0.
fn decay(x: f32) -> f32 {
  return select(0.0, exp(max(x, -87.0)), x > -87.0);
}

fn decays(x: vec4f) -> vec4f {
  return select(vec4f(), exp(max(x, vec4f(-87.0))), x > vec4f(-87.0));
}

fn sum_of(x: vec4f) -> f32 {
  return (x.x + x.y) + (x.z + x.w);
}

fn largest_of(x: vec4f) -> f32 {
  return max(max(x.x, x.y), max(x.z, x.w));
}

// The first `valid` of four terms; the others may be anything, and count as zero.
fn masked(terms: LatentTerms, valid: vec4<bool>) -> LatentTerms {
  return LatentTerms(
    select(vec4f(), terms.critic, valid),
    select(vec4f(), terms.half_norm, valid),
    select(vec4f(), terms.ratio, valid),
  );
}

// s of four pairs; LOWEST, which weighs nothing, for those that do not count.
fn log_weights(costs: vec4f, lambda: f32, terms: LatentTerms, valid: vec4<bool>) -> vec4f {
  return select(vec4f(LOWEST), max(terms.ratio - costs / lambda, vec4f(LOWEST)), valid);
}

// Adds four pairs with their log-weights s. Costs and terms of those that do not count must be zero.
// `families`: 1 importance only, 2 also surrogate, 3 also paper.
fn add_pairs(before: mat4x4f, s: vec4f, costs: vec4f, lambda: f32, terms: LatentTerms, families: u32) -> mat4x4f {
  var after = before;
  let max_s = max(before[0].x, largest_of(s));
  let keep_s = decay(before[0].x - max_s);
  let e_s = decays(s - max_s);
  after[0] = vec4f(
    max_s,
    before[0].y * keep_s + sum_of(e_s),
    before[0].z * (keep_s * keep_s) + dot(e_s, e_s),
    before[0].w,
  );
  if (families > 1u) {
    let t = max(s - terms.critic, vec4f(LOWEST));
    let max_t = max(before[1].x, largest_of(t));
    let keep_t = decay(before[1].x - max_t);
    let e_t = decays(t - max_t);
    after[1] = vec4f(
      max_t,
      before[1].y * keep_t + sum_of(e_t),
      before[1].z * (keep_t * keep_t) + dot(e_t, e_t),
      (before[1].w + (before[1].x - max_t) * before[1].y) * keep_t + dot(e_t, t - max_t),
    );
    after[2] = before[2] * keep_t + vec4f(dot(e_t, costs), dot(e_t, terms.half_norm), dot(e_t, terms.ratio), 0.0);
  }
  if (families > 2u) {
    // For prior latents, the only ones with this family, −l/λ is s itself.
    let energy = terms.half_norm - s;
    let u = max(-energy - terms.critic, vec4f(LOWEST));
    let max_u = max(before[3].x, largest_of(u));
    let keep_u = decay(before[3].x - max_u);
    let e_u = decays(u - max_u);
    after[3] = vec4f(
      max_u,
      before[3].y * keep_u + sum_of(e_u),
      (before[3].z + (before[3].x - max_u) * before[3].y) * keep_u + dot(e_u, u - max_u),
      before[3].w * keep_u + dot(e_u, energy),
    );
  }
  return after;
}

// The state of two sets of latents together; the result has a's reference.
fn merge_states(a: mat4x4f, b: mat4x4f, lambda: f32) -> mat4x4f {
  let shift = (b[0].w - a[0].w) / lambda;
  let max_b_t = b[1].x - shift;
  let max_b_u = b[3].x - shift;

  let max_s = max(a[0].x, b[0].x);
  let a_s = decay(a[0].x - max_s);
  let b_s = decay(b[0].x - max_s);
  let max_t = max(a[1].x, max_b_t);
  let a_t = decay(a[1].x - max_t);
  let b_t = decay(max_b_t - max_t);
  let max_u = max(a[3].x, max_b_u);
  let a_u = decay(a[3].x - max_u);
  let b_u = decay(max_b_u - max_u);
  return mat4x4f(
    vec4f(max_s, a[0].y * a_s + b[0].y * b_s, a[0].z * (a_s * a_s) + b[0].z * (b_s * b_s), a[0].w),
    vec4f(
      max_t,
      a[1].y * a_t + b[1].y * b_t,
      a[1].z * (a_t * a_t) + b[1].z * (b_t * b_t),
      (a[1].w + (a[1].x - max_t) * a[1].y) * a_t + (b[1].w + (max_b_t - max_t) * b[1].y) * b_t,
    ),
    a[2] * a_t + b[2] * b_t,
    vec4f(
      max_u,
      a[3].y * a_u + b[3].y * b_u,
      (a[3].z + (a[3].x - max_u) * a[3].y) * a_u + (b[3].z + (max_b_u - max_u) * b[3].y) * b_u,
      a[3].w * a_u + b[3].w * b_u,
    ),
  );
}
