// The mean acceptance of each group of chains, and the step size that follows from it, towards a wanted acceptance:
//   rates[first + i] = ā_i      step_sizes[first + groups + i] = clamp(ε_i·exp(gain·(ā_i − wanted)), least, most), ε_i = step_sizes[first + i]
//   outcomes  [groups·group, 2]: the probability of each chain to be taken, and whether it was
//   rates, step_sizes  [any, groups]; `first` is where the row in use begins. Step sizes are left alone where the gain is 0.
// One workgroup: 64 groups of chains, one to an invocation, which sums in order. Bytes: 8·groups·(group + 2). Flops: groups·(group + 8).
// Source: Andrieu & Thoms, "A tutorial on adaptive MCMC", 2008 (equation 20, with a constant gain).

struct Params {
  groups: u32,
  group: u32, // chains in each
  first: u32,
  gain: f32,
  wanted: f32,
  least: f32,
  most: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> outcomes: array<f32>;
@group(0) @binding(2) var<storage, read_write> rates: array<f32>;
@group(0) @binding(3) var<storage, read_write> step_sizes: array<f32>;

@compute @workgroup_size(64)
fn hmc_adapt(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) group_count: vec3u) {
  for (var i = id.x; i < params.groups; i += group_count.x * 64u) {
    var sum = 0.0;
    for (var chain = i * params.group; chain < (i + 1u) * params.group; chain++) {
      sum += outcomes[2u * chain];
    }
    let mean = sum / f32(params.group);
    rates[params.first + i] = mean;
    if (params.gain > 0.0) {
      let size = step_sizes[params.first + i] * exp(params.gain * (mean - params.wanted));
      step_sizes[params.first + params.groups + i] = clamp(size, params.least, params.most);
    }
  }
}
