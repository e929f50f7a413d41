// Activation functions f, their derivatives f′ through the output y = f(x), and ∂f′/∂y, by number:
// 0 linear, 1 ReLU, 2 leaky ReLU, 3 sigmoid, 4 tanh, 5 softplus. At x = 0: relu′ = 0, leaky′ = slope.
// No step relies on inf or NaN: exponents are never positive.

fn activate(kind: u32, x: f32, slope: f32) -> f32 {
  if (is_curved(kind)) {
    return activate_curved(kind, x);
  }
  return select(select(slope * x, 0.0, kind == 1u), x, kind == 0u || x > 0.0);
}

// Whether it is more than one slope below zero and another above.
fn is_curved(kind: u32) -> bool {
  return kind > 2u;
}

fn activate_curved(kind: u32, x: f32) -> f32 {
  let e = exp(-min(select(1.0, 2.0, kind == 4u) * abs(x), 80.0));
  switch kind {
    case 3u: {
      return select(e, 1.0, x >= 0.0) / (1.0 + e);
    }
    case 4u: {
      return sign(x) * (1.0 - e) / (1.0 + e);
    }
    default: {
      return max(x, 0.0) + log_1_plus(e);
    }
  }
}

fn activation_derivative(kind: u32, y: f32, slope: f32) -> f32 {
  switch kind {
    case 1u: {
      return select(0.0, 1.0, y > 0.0);
    }
    case 2u: {
      return select(slope, 1.0, y > 0.0);
    }
    case 3u: {
      return y * (1.0 - y);
    }
    case 4u: {
      return 1.0 - y * y;
    }
    case 5u: {
      return one_minus_exp(y);
    }
    default: {
      return 1.0;
    }
  }
}

// ∂f′/∂y, for f′ as a function of the output y; f″ = f′·∂f′/∂y.
fn activation_curvature_at(kind: u32, y: f32) -> f32 {
  switch kind {
    case 3u: {
      return 1.0 - 2.0 * y;
    }
    case 4u: {
      return -2.0 * y;
    }
    case 5u: {
      return exp(-min(y, 80.0));
    }
    default: {
      return 0.0;
    }
  }
}

// log(1 + e) for e in [0, 1], by series where 1 + e would round e away.
fn log_1_plus(e: f32) -> f32 {
  return select(log(1.0 + e), e * (1.0 - e * (0.5 - e / 3.0)), e < 0.01);
}

// 1 − exp(−y) for y ≥ 0, by series where the difference would cancel.
fn one_minus_exp(y: f32) -> f32 {
  return select(1.0 - exp(-min(y, 80.0)), y * (1.0 - y * (0.5 - y / 6.0)), y < 0.01);
}
