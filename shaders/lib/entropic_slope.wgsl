// ∂l/∂ŷ of four values, without the factors of the mean. Needs the override COST of lib/entropic_pair.

fn slope(fake_values: vec4f, real_values: vec4f) -> vec4f {
  if (COST == 3u) {
    return -100.0 * real_values;
  }
  let difference = fake_values - real_values;
  if (COST == 0u) {
    return sign(difference);
  }
  return select(2.0, 1.0, COST == 2u) * difference;
}
