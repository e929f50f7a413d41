// One pair of the entropic objective: its cost from the sum over its values, and the exponent of its coupling.
// Kernels that append this have `params.lambda` and the overrides COST (0 l1, 1 squared, 2 half-squared, 3 cosine of rows of
// length 1, 100·(1 − y·ŷ)) and FORM (0 exp, 1 logmeanexp, 2 hinge).

const MOST_EXPONENT: f32 = 40.0; // e⁴⁰: larger exponents of the exp form are clipped, and counted
const LOWEST: f32 = -1e30; // stands for −∞: below any exponent, and its difference to one is finite

// What the cost sums over the values of a pair.
fn cost_term(fake_values: vec4f, real_values: vec4f) -> vec4f {
  if (COST == 3u) {
    return fake_values * real_values;
  }
  let difference = fake_values - real_values;
  if (COST == 0u) {
    return abs(difference);
  }
  return difference * difference;
}

fn scaled_cost(sum: f32) -> f32 {
  if (COST == 3u) {
    return 100.0 * (1.0 - sum);
  }
  return select(1.0, 0.5, COST == 2u) * sum;
}

// v/λ − 1 clipped (exp), v/λ (logmeanexp) or max(v, 0)/λ (hinge), for v = D₁ − D₂ − l.
fn exponent(critic_real: f32, critic_fake: f32, cost: f32) -> f32 {
  let v = (critic_real - critic_fake - cost) / params.lambda;
  if (FORM == 0u) {
    return min(v - 1.0, MOST_EXPONENT);
  }
  if (FORM == 2u) {
    return max(v, 0.0);
  }
  return v;
}

fn is_clipped(critic_real: f32, critic_fake: f32, cost: f32) -> bool {
  return FORM == 0u && (critic_real - critic_fake - cost) / params.lambda - 1.0 > MOST_EXPONENT;
}

// The unnormalised density of the coupling relative to eˢʰⁱᶠᵗ; the hinge form's is linear and takes no shift.
fn weight(u: f32, shift: f32) -> f32 {
  if (FORM == 2u) {
    return u;
  }
  return exp(u - shift);
}
