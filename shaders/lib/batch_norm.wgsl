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

// What the values x [rows, channels] of a channel are measured from: the middle one of three, so that the differences of
// close values are exact, and a single value far off does not spoil those of the others.
fn origin_of(channel: u32) -> f32 {
  let first = x[channel];
  let middle = x[params.rows / 2u * params.channels + channel];
  let last = x[(params.rows - 1u) * params.channels + channel];
  return max(min(first, middle), min(max(first, middle), last));
}
