// The entropic objective from the statistics of its blocks: value, diagnostics, and the gradients of the critics.
//   exp         penalty = λ·mean p,           p = exp(u)                 logmeanexp   penalty = λ·log mean exp(u),  p = exp(u)/mean exp(u)
//   hinge       penalty = λ/2·mean p²,        p = u                      J = mean D₁ − mean D₂ − penalty
//   ∂J/∂D₁_i = 1/n − Σ_j p_ij/(nm)            ∂J/∂D₂_j = −1/m + Σ_i p_ij/(nm)
//   row_partials  [column_blocks, n, 8]   column_partials  [row_blocks, m, 2]   as entropic_objective_tiles leaves them
//   critic_real  [n]   critic_fake  [m]   guard  [4] or more, with HAS_GUARD: word 0, the fault, is not 0 once a
//                 gradient or an objective was not finite; word SCALE_AT, if not 0, is the scale of the loss as a float32
//   scalars  [16]: J, penalty, mean p, max |row mean − 1|, max |column mean − 1|, mean p·log p, mean p·l, clipped pairs,
//            mean D₁, mean D₂, 1 if all is finite and no fault is up, shift and factor with p = factor·exp(u − shift),
//            sign·scale, and two unused
//   grad_critic_real  [n]   grad_critic_fake  [m]: sign·scale·∂J
// One workgroup of 64 does it all: rows are merged in order by one invocation each, the 64 results by a fixed tree.
// Bytes: 4·(8·n·column_blocks + 2·(2·m·row_blocks)). Flops: about 40·(n·column_blocks + m·row_blocks).
// Source: Balaji et al., ICML 2019; gradients by the envelope theorem.
// lib: entropic_pair finite

struct Params {
  n: u32,
  m: u32,
  row_blocks: u32,
  column_blocks: u32,
  lambda: f32,
  sign: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> row_partials: array<f32>;
@group(0) @binding(2) var<storage, read> column_partials: array<f32>;
@group(0) @binding(3) var<storage, read> critic_real: array<f32>;
@group(0) @binding(4) var<storage, read> critic_fake: array<f32>;
@group(0) @binding(5) var<storage, read> guard: array<u32>;
@group(0) @binding(6) var<storage, read_write> scalars: array<f32>;
@group(0) @binding(7) var<storage, read_write> grad_critic_real: array<f32>;
@group(0) @binding(8) var<storage, read_write> grad_critic_fake: array<f32>;

override COST: u32 = 0u;
override FORM: u32 = 0u;
override HAS_GUARD: u32 = 0u;
override SCALE_AT: u32 = 0u; // index in guard; 0 where the loss has no scale

// Sums relative to exp(shift): Σw, Σw·l, Σw·(u − shift) (hinge: Σw²), Σw·log w; and counts, and sums of D.
struct Total {
  shift: f32,
  sum: f32,
  cost: f32,
  gap: f32,
  entropy: f32,
  clipped: f32,
  unsound: f32,
}

var<workgroup> totals: array<Total, 64>;
var<workgroup> means: array<vec2f, 64>;
var<workgroup> errors: array<vec2f, 64>;

fn merge(a: Total, b: Total) -> Total {
  let shift = max(a.shift, b.shift);
  let fa = select(exp(a.shift - shift), 1.0, FORM == 2u);
  let fb = select(exp(b.shift - shift), 1.0, FORM == 2u);
  let gap_a = select(a.gap + select(0.0, (a.shift - shift) * a.sum, a.sum > 0.0), a.gap, FORM == 2u);
  let gap_b = select(b.gap + select(0.0, (b.shift - shift) * b.sum, b.sum > 0.0), b.gap, FORM == 2u);
  return Total(
    shift,
    fa * a.sum + fb * b.sum,
    fa * a.cost + fb * b.cost,
    fa * gap_a + fb * gap_b,
    a.entropy + b.entropy,
    a.clipped + b.clipped,
    a.unsound + b.unsound,
  );
}

fn row_total(i: u32) -> Total {
  var total = Total(LOWEST, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
  for (var part = 0u; part < params.column_blocks; part++) {
    let at = (part * params.n + i) * 8u;
    total = merge(
      total,
      Total(
        row_partials[at],
        row_partials[at + 1u],
        row_partials[at + 2u],
        row_partials[at + 3u],
        row_partials[at + 4u],
        row_partials[at + 5u],
        row_partials[at + 6u],
      ),
    );
  }
  return total;
}

// Shift and sum of a column.
fn column_total(j: u32) -> vec2f {
  var shift = LOWEST;
  var sum = 0.0;
  for (var part = 0u; part < params.row_blocks; part++) {
    let at = (part * params.m + j) * 2u;
    let other = column_partials[at];
    let top = max(shift, other);
    if (FORM == 2u) {
      sum += column_partials[at + 1u];
    } else {
      sum = sum * exp(shift - top) + column_partials[at + 1u] * exp(other - top);
    }
    shift = top;
  }
  return vec2f(shift, sum);
}

@compute @workgroup_size(64)
fn entropic_objective_finish(@builtin(local_invocation_index) lane: u32) {
  let n = f32(params.n);
  let m = f32(params.m);
  var total = Total(LOWEST, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
  var mean = vec2f();
  for (var i = lane; i < params.n; i += 64u) {
    total = merge(total, row_total(i));
    mean.x += critic_real[i] / n;
  }
  for (var j = lane; j < params.m; j += 64u) {
    mean.y += critic_fake[j] / m;
  }
  totals[lane] = total;
  means[lane] = mean;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half = half / 2u) {
    if (lane < half) {
      totals[lane] = merge(totals[lane], totals[lane + half]);
      means[lane] += means[lane + half];
    }
    workgroupBarrier();
  }
  let all = totals[0];

  // p = factor·exp(u − shift), or factor·u; relative to the overall maximum, and absolute.
  var factor = 1.0;
  if (FORM == 0u) {
    factor = exp(all.shift);
  } else if (FORM == 1u) {
    factor = n * m / all.sum;
  }
  var error = vec2f();
  for (var i = lane; i < params.n; i += 64u) {
    let row = row_total(i);
    let row_mean = factor * weight_of(row.shift, all.shift) * row.sum / m;
    error.x = max(error.x, abs(row_mean - 1.0));
    grad_critic_real[i] = gradient_scale() * (1.0 - row_mean) / n;
  }
  for (var j = lane; j < params.m; j += 64u) {
    let column = column_total(j);
    let column_mean = factor * weight_of(column.x, all.shift) * column.y / n;
    error.y = max(error.y, abs(column_mean - 1.0));
    grad_critic_fake[j] = gradient_scale() * (column_mean - 1.0) / m;
  }
  errors[lane] = error;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half = half / 2u) {
    if (lane < half) {
      errors[lane] = max(errors[lane], errors[lane + half]);
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    write_scalars(all, factor);
  }
}

fn weight_of(shift: f32, top: f32) -> f32 {
  return select(exp(shift - top), 1.0, FORM == 2u);
}

fn write_scalars(all: Total, factor: f32) {
  let pairs = f32(params.n) * f32(params.m);
  let mean_p = factor * all.sum / pairs;
  let log_mean = log(all.sum / pairs); // of exp(u − shift)
  var penalty = params.lambda * mean_p;
  var p_log_p = factor * (all.gap + all.shift * all.sum) / pairs;
  if (FORM == 1u) {
    penalty = params.lambda * (all.shift + log_mean);
    p_log_p = all.gap / all.sum - log_mean;
  } else if (FORM == 2u) {
    penalty = 0.5 * params.lambda * all.gap / pairs;
    p_log_p = all.entropy / pairs;
  }
  let objective = means[0].x - means[0].y - penalty;
  scalars[0] = objective;
  scalars[1] = penalty;
  scalars[2] = mean_p;
  scalars[3] = errors[0].x;
  scalars[4] = errors[0].y;
  scalars[5] = p_log_p;
  scalars[6] = factor * all.cost / pairs;
  scalars[7] = all.clipped;
  scalars[8] = means[0].x;
  scalars[9] = means[0].y;
  scalars[10] = select(0.0, 1.0, all.unsound == 0.0 && is_finite(objective) && !is_fault_up());
  scalars[11] = select(all.shift, 0.0, FORM == 2u);
  scalars[12] = factor;
  scalars[13] = gradient_scale();
}

// What every gradient of J is multiplied by.
fn gradient_scale() -> f32 {
  if (SCALE_AT == 0u) {
    return params.sign;
  }
  return params.sign * bitcast<f32>(guard[SCALE_AT]);
}

fn is_fault_up() -> bool {
  if (HAS_GUARD == 1u) {
    return guard[0] != 0u;
  }
  return false;
}
