// What every optimiser kernel has in common: whether to update at all, the clipped gradient, the scale of the loss, the bound on
// the weights, the moving average.
// With SCALE_AT the gradients are of a loss that its objective has multiplied by a scale S, so that f16 holds them:
//   guard[SCALE_AT]  S as a float32    [+ 1]  sound updates since S last changed    [+ 2]  updates that S has voided in all

const SOUND_UPDATES = 2000u; // in a row, before S is doubled
const LEAST_SCALE = 1.0;
const MOST_SCALE = 16777216.0;

fn are_finite(x: vec4f) -> vec4<bool> {
  return (bitcast<vec4u>(x) & vec4u(0x7f800000u)) != vec4u(0x7f800000u);
}

// Updates wait for a finite objective, which also says that no fault is up, and, under the skip rule of the paper's code,
// for mean D₂(ŷ) < mean D₁(y). The fault itself is only written here: invocations that read it would see it or not as
// they come.
fn update_allowed() -> bool {
  let skipped = SKIP_RULE == 1u && scalars[MEAN_FAKE_AT] >= scalars[MEAN_REAL_AT];
  return params.enabled == 1u && !skipped && scalars[FINITE_AT] == 1.0;
}

// The objective left the finite numbers: every later update is void as well.
fn note_objective() {
  if (scalars[FINITE_AT] != 1.0) {
    guard[0] = 1u;
  }
}

// The factor that undoes the loss's scale and brings the norm down to clip_norm: Σg² from the partial sums of
// optimiser_gradient_norm, in order. A sum that is not finite is the factor itself: no gradient times it is finite, and the
// update raises the fault, or with SCALE_AT is left out.
fn gradient_factor() -> f32 {
  if (HAS_CLIP == 0u && SCALE_AT == 0u) {
    return 1.0;
  }
  var sum = 0.0;
  for (var i = 0u; i < params.norm_count; i++) {
    sum += norms[i];
  }
  if (!are_finite(vec4f(sum)).x) {
    return sum;
  }
  let unscale = 1.0 / loss_scale();
  let norm = unscale * sqrt(sum);
  return unscale * select(1.0, params.clip_norm / norm, HAS_CLIP == 1u && norm > params.clip_norm);
}

// As the objective of these gradients had it: the guard's may have changed since.
fn loss_scale() -> f32 {
  if (SCALE_AT == 0u) {
    return 1.0;
  }
  return abs(scalars[GRADIENT_SCALE_AT]);
}

// Whether gradients of a scaled loss overflowed, by the factor that they would be multiplied by; one invocation of all brings the
// scale up to date.
fn is_left_out(factor: f32, is_first: bool) -> bool {
  let overflowed = SCALE_AT > 0u && !are_finite(vec4f(factor)).x;
  if (SCALE_AT > 0u && is_first) {
    adapt_loss_scale(overflowed);
  }
  return overflowed;
}

// Gradients that overflowed halve the scale, many updates without one double it. At the least scale an overflow is the
// gradients' own.
fn adapt_loss_scale(overflowed: bool) {
  let scale = loss_scale();
  let sound = guard[SCALE_AT + 1u] + 1u;
  if (overflowed) {
    guard[SCALE_AT] = bitcast<u32>(max(0.5 * scale, LEAST_SCALE));
    guard[SCALE_AT + 1u] = 0u;
    guard[SCALE_AT + 2u] += 1u;
    if (scale <= LEAST_SCALE) {
      guard[0] = 1u;
    }
  } else if (sound == SOUND_UPDATES) {
    guard[SCALE_AT] = bitcast<u32>(min(2.0 * scale, MOST_SCALE));
    guard[SCALE_AT + 1u] = 0u;
  } else {
    guard[SCALE_AT + 1u] = sound;
  }
}

fn bounded(value: vec4f) -> vec4f {
  if (HAS_BOUND == 0u) {
    return value;
  }
  return clamp(value, vec4f(-params.weight_bound), vec4f(params.weight_bound));
}

fn move_average(i: u32, value: vec4f) {
  if (HAS_AVERAGE == 1u) {
    average[i] = params.average_decay * average[i] + (1.0 - params.average_decay) * value;
  }
}

// βᵗ by repeated squaring: the built-in pow is too coarse for 1 − βᵗ.
fn power(base: f32, exponent: u32) -> f32 {
  var result = 1.0;
  var factor = base;
  for (var e = exponent; e != 0u; e = e / 2u) {
    if (e % 2u == 1u) {
      result *= factor;
    }
    factor *= factor;
  }
  return result;
}
