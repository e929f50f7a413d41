// What the likelihood needs of each latent x_k besides its generated sample, as four rows for each bank:
//   (D₂_k − D₂_0)/λ;  ½‖x_k‖²;  log f_X(x_k) − log q(x_k), f_X = N(0, I_r);  and D₂_0, in the first place of the last row
//   latents  [banks, count, r]   critic, log_q  [banks, count]   terms  [banks, 4, padded]
// D₂_0 is the critic of the bank's first latent: exponents relative to it keep their digits under any constant in D₂.
// Absent inputs (has_… = 0, r = 0) count as zero and are never read; log_q is the prior's own where it is absent.
// One workgroup: 64 latents, one to an invocation, its norm summed in order. Bytes: 4·banks·count·(r + 5). Flops: 2·banks·count·r.

struct Params {
  total: u32, // banks·count
  count: u32, // latents in a bank
  padded: u32, // row length of terms, a multiple of 4
  r: u32,
  has_critic: u32,
  has_log_q: u32,
  lambda: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> latents: array<f32>;
@group(0) @binding(2) var<storage, read> critic: array<f32>;
@group(0) @binding(3) var<storage, read> log_q: array<f32>;
@group(0) @binding(4) var<storage, read_write> terms: array<f32>;

const HALF_LOG_TWO_PI: f32 = 0.9189385332046727;

@compute @workgroup_size(64)
fn log_likelihood_terms(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var k = id.x; k < params.total; k += groups.x * 64u) {
    let bank = k / params.count;
    let at = bank * 4u * params.padded + k % params.count;
    var half_norm = 0.0;
    for (var i = 0u; i < params.r; i++) {
      let x = latents[k * params.r + i];
      half_norm += 0.5 * (x * x);
    }
    var critic_term = 0.0;
    var reference = 0.0;
    if (params.has_critic != 0u) {
      reference = critic[bank * params.count];
      critic_term = (critic[k] - reference) / params.lambda;
    }
    var ratio = 0.0;
    if (params.has_log_q != 0u) {
      ratio = -half_norm - f32(params.r) * HALF_LOG_TWO_PI - log_q[k];
    }
    terms[at] = critic_term;
    terms[at + params.padded] = half_norm;
    terms[at + 2u * params.padded] = ratio;
    if (k % params.count == 0u) {
      terms[at + 3u * params.padded] = reference;
    }
  }
}
