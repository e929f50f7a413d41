// The gradient of gaussian_proposal with respect to the proposals, the noise held:
//   dμ = Σ_k dx_k      dT_ij = Σ_k dx_ki ε_kj for j < i      d log T_ii = Σ_k (dx_ki T_ii ε_ki − dq_k)
//   proposals, out  [n, r + r(r+1)/2] as there      noise, dx  [n·group, r]      dq  [n·group]: the gradient of log q
// One workgroup: 64 elements of out, one to an invocation, which sums over its observation's latents in order.
// Numeric strategy: float32. Bytes: 4·n·(group·r·(r + 4) + r²). Flops: 2·n·group·r².

struct Params {
  rows: u32, // n·group
  r: u32,
  group: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> proposals: array<f32>;
@group(0) @binding(2) var<storage, read> noise: array<f32>;
@group(0) @binding(3) var<storage, read> dx: array<f32>;
@group(0) @binding(4) var<storage, read> dq: array<f32>;
@group(0) @binding(5) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn gaussian_proposal_gradient(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) group_count: vec3u) {
  let r = params.r;
  let width = r + r * (r + 1u) / 2u;
  let count = params.rows / params.group * width;
  for (var at = id.x; at < count; at += group_count.x * 64u) {
    let first = at / width * params.group;
    let place = at % width;
    var sum = 0.0;
    if (place < r) {
      for (var k = 0u; k < params.group; k++) {
        sum += dx[(first + k) * r + place];
      }
    } else {
      // The row i of the triangle that the element is in, and its column j.
      let within = place - r;
      var i = u32((sqrt(8.0 * f32(within) + 1.0) - 1.0) / 2.0);
      i -= select(0u, 1u, i * (i + 1u) / 2u > within);
      i += select(0u, 1u, (i + 1u) * (i + 2u) / 2u <= within);
      let j = within - i * (i + 1u) / 2u;
      for (var k = 0u; k < params.group; k++) {
        let row = (first + k) * r;
        sum += dx[row + i] * noise[row + j];
      }
      if (i == j) {
        sum *= exp(proposals[at]);
        for (var k = 0u; k < params.group; k++) {
          sum -= dq[first + k];
        }
      }
    }
    out[at] = sum;
  }
}
