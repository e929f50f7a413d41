// The sum of one value of each of 64 invocations, in a fixed tree, the same in all of them. Every invocation of the workgroup
// calls it; when it returns, the memory is free for the next sum.

var<workgroup> partial: array<f32, 64>;

fn workgroup_sum(lane: u32, mine: f32) -> f32 {
  partial[lane] = mine;
  workgroupBarrier();
  for (var half = 32u; half > 0u; half = half / 2u) {
    if (lane < half) {
      partial[lane] += partial[lane + half];
    }
    workgroupBarrier();
  }
  let total = partial[0];
  workgroupBarrier(); // read by all before another sum overwrites it
  return total;
}
