// Standard normals by Box & Muller (1958), with a sine, cosine and logarithm of our own: WGSL allows the built-in ones
// absolute errors of 2⁻¹¹, and they are used to the full.

// √(−2 ln u₀)·(cos 2πu₁, sin 2πu₁), for u in (0, 1]. Absolute error below 3e-6.
fn normals_of(u: vec2f) -> vec2f {
  return sqrt(-2.0 * log_of_unit(u.x)) * cos_sin_turns(u.y);
}

// ln u for u in [2⁻²⁴, 1]: u = 2ᵉ·m with m in [√½, √2), ln m = 2 artanh((m − 1)/(m + 1)) by its series.
fn log_of_unit(u: f32) -> f32 {
  let bits = bitcast<u32>(u);
  var exponent = i32(bits >> 23u) - 127;
  var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f800000u);
  if (m > 1.41421356) {
    m *= 0.5;
    exponent += 1;
  }
  let s = (m - 1.0) / (m + 1.0);
  let z = s * s;
  let series = 2.0 * s * (1.0 + z * (0.33333333 + z * (0.2 + z * (0.14285714 + z * 0.11111111))));
  return f32(exponent) * 0.69314718 + series;
}

// (cos 2πt, sin 2πt) for t in [0, 1]: reduced to an eighth of a turn about the nearest quarter, then Taylor series.
fn cos_sin_turns(t: f32) -> vec2f {
  let quarter = floor(4.0 * t + 0.5);
  let x = (t - 0.25 * quarter) * 6.28318531;
  let z = x * x;
  let c = 1.0 - z * (0.5 - z * (0.041666667 - z * (0.0013888889 - z * 2.4801587e-5)));
  let s = x * (1.0 - z * (0.16666667 - z * (0.0083333333 - z * (0.00019841270 - z * 2.7557319e-6))));
  switch u32(quarter) & 3u {
    case 1u: {
      return vec2f(-s, c);
    }
    case 2u: {
      return vec2f(-c, -s);
    }
    case 3u: {
      return vec2f(s, -c);
    }
    default: {
      return vec2f(c, s);
    }
  }
}
