// Uniform numbers in (0, 1], counter-based.
//   out  [count], any shape: elements 2i and 2i + 1 come from the two words of the block with counter
//        [first_block + i, counter1] under the key [key0, key1]; uniform = ((bits >> 8) + 1)·2⁻²⁴
// One workgroup makes 64 pairs. No state: the same params give the same bits on every adapter.
// Bytes: 4·count. Flops: about 60·count, nearly all integer.
// Source: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
// lib: threefry

struct Params {
  count: u32,
  key0: u32,
  key1: u32,
  counter1: u32,
  first_block: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn threefry_uniform(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let pairs = (params.count + 1u) / 2u;
  for (var i = id.x; i < pairs; i += groups.x * 64u) {
    let bits = threefry2x32(vec2u(params.first_block + i, params.counter1), vec2u(params.key0, params.key1));
    let values = vec2f(uniform_of(bits.x), uniform_of(bits.y));
    out[2u * i] = values.x;
    if (2u * i + 1u < params.count) {
      out[2u * i + 1u] = values.y;
    }
  }
}
