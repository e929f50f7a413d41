// The importance-weighted bound of each observation from the latents of its proposal, and how its mean's loss falls with the costs
// by the doubly reparameterised estimator:
//   s_k = −l_k/λ − ½‖x_k‖² − (r/2) log 2π − log q_k      w = softmax_k s_k
//   bound = log mean_k exp(s_k)      ess = 1/Σ_k w_k²      grad_cost_k = w_k²/(λ n)
//   cost, log_q, grad_cost  [n·group]: l_k, log q(x_k) and the gradient, `group` for each observation
//   latents  [n·group, r], row-major      bound, ess  [n]
// One workgroup: 64 observations, one to an invocation, which goes over its latents in order; grad_cost holds s_k between.
// Numeric strategy: float32, exponents relative to the largest. Bytes: 4·n·group·(r + 7). Flops: n·group·(2·r + 12).
// Source: Burda, Grosse & Salakhutdinov, "Importance weighted autoencoders", ICLR 2016; Tucker, Lawson, Gu & Maddison, "Doubly
// reparameterized gradient estimators for Monte Carlo objectives", ICLR 2019.

struct Params {
  n: u32,
  group: u32,
  r: u32,
  lambda: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> cost: array<f32>;
@group(0) @binding(2) var<storage, read> latents: array<f32>;
@group(0) @binding(3) var<storage, read> log_q: array<f32>;
@group(0) @binding(4) var<storage, read_write> bound: array<f32>;
@group(0) @binding(5) var<storage, read_write> ess: array<f32>;
@group(0) @binding(6) var<storage, read_write> grad_cost: array<f32>;

const HALF_LOG_TWO_PI: f32 = 0.9189385332046727;
const LOWEST: f32 = -3.0e38;

@compute @workgroup_size(64)
fn importance_bound(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let group = params.group;
  for (var i = id.x; i < params.n; i += groups.x * 64u) {
    var top = LOWEST;
    for (var row = i * group; row < (i + 1u) * group; row++) {
      let s = log_weight(row);
      grad_cost[row] = s;
      top = max(top, s);
    }
    var sum = 0.0;
    for (var row = i * group; row < (i + 1u) * group; row++) {
      sum += exp(grad_cost[row] - top);
    }
    var squares = 0.0;
    for (var row = i * group; row < (i + 1u) * group; row++) {
      let w = exp(grad_cost[row] - top) / sum;
      squares += w * w;
      grad_cost[row] = w * w / (params.lambda * f32(params.n));
    }
    bound[i] = top + log(sum / f32(group));
    ess[i] = 1.0 / squares;
  }
}

fn log_weight(row: u32) -> f32 {
  var norm = 0.0;
  for (var c = 0u; c < params.r; c++) {
    let x = latents[row * params.r + c];
    norm += x * x;
  }
  return -cost[row] / params.lambda - 0.5 * norm - f32(params.r) * HALF_LOG_TWO_PI - log_q[row];
}
