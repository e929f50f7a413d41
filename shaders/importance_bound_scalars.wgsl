// What a batch's bounds come to, added to what the batches before it came to since the last with `restart`:
//   bound, ess  [n]: of each observation, of which the last `simulated` are the model's own samples
//   guard  [4]: word 0, the fault, is not 0 once a gradient or a bound was not finite
//   scalars  [16]: Σ mean bound of the others, Σ mean bound of the simulated, Σ mean ess, Σ 1, the sums being over batches;
//            at FINITE_AT 1 if all of this batch is finite and no fault is up, else 0; zeros
// One workgroup of 64 does it all: each invocation sums every 64th value in order, and a fixed tree brings them together.
// Numeric strategy: float32 sums. Bytes: 8·n. Flops: 3·n.
// Source: the definition.
// lib: workgroup_sum finite

struct Params {
  n: u32,
  simulated: u32,
  restart: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> bound: array<f32>;
@group(0) @binding(2) var<storage, read> ess: array<f32>;
@group(0) @binding(3) var<storage, read> guard: array<u32>;
@group(0) @binding(4) var<storage, read_write> scalars: array<f32>;

override FINITE_AT: u32 = 0u;

const SCALARS: u32 = 16u;

@compute @workgroup_size(64)
fn importance_bound_scalars(@builtin(local_invocation_index) lane: u32) {
  let others = params.n - params.simulated;
  var mine = vec3f();
  for (var i = lane; i < params.n; i += 64u) {
    if (i < others) {
      mine.x += bound[i];
    } else {
      mine.y += bound[i];
    }
    mine.z += ess[i];
  }
  let of_others = workgroup_sum(lane, mine.x);
  let of_simulated = workgroup_sum(lane, mine.y);
  let of_ess = workgroup_sum(lane, mine.z);
  if (lane == 0u) {
    let again = params.restart == 1u;
    for (var i = 0u; i < SCALARS; i++) {
      scalars[i] = select(scalars[i], 0.0, again || i >= 4u);
    }
    scalars[0] += of_others / f32(max(others, 1u));
    scalars[1] += of_simulated / f32(max(params.simulated, 1u));
    scalars[2] += of_ess / f32(params.n);
    scalars[3] += 1.0;
    let sound = is_finite(of_others) && is_finite(of_simulated) && is_finite(of_ess) && guard[0] == 0u;
    scalars[FINITE_AT] = select(0.0, 1.0, sound);
  }
}
