// What the kernels of batch normalisation share.

// Added to a variance before its square root.
const EPSILON: f32 = 1e-5;

// Number, mean and sum of squared deviations from it of some values.
struct Moments {
  count: f32,
  mean: f32,
  squares: f32,
}

// Of two sets of values together, either of which may be empty: Chan, Golub & LeVeque, 1983.
fn merge_moments(a: Moments, b: Moments) -> Moments {
  let count = a.count + b.count;
  let share = b.count / max(count, 1.0);
  let apart = b.mean - a.mean;
  return Moments(count, a.mean + apart * share, a.squares + b.squares + apart * apart * a.count * share);
}
