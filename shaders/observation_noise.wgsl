// Observations drawn around generated samples, y = ŷ + noise, in the place of the last rows of a batch:
//   out_i = generated_{i−first} + noise for rows i ≥ first; the rows before are left as they are
//   noise  N(0, spread²)  or, where LAPLACE, of scale spread: sign·(−ln u)·spread
//   generated  [rows − first, columns]      out  [rows, columns]
//   element e of the generated values: normals as threefry_normal draws them; LAPLACE takes word e mod 2 of block ⌊e/2⌋ under the
//   counter [block, counter1] and the key [key0, key1], u = ((bits >> 8) + 1)·2⁻²⁴ and the sign of the lowest bit
// One workgroup makes 64 pairs. Bytes: 8·columns·(rows − first). Flops: about 60 a value, nearly all integer.
// Source: docs/mathematics.md §3; Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
// lib: threefry normal

struct Params {
  count: u32, // of generated values
  skip: u32, // values of the rows before
  key0: u32,
  key1: u32,
  counter1: u32,
  spread: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> generated: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

override LAPLACE: bool = false;

@compute @workgroup_size(64)
fn observation_noise(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let pairs = (params.count + 1u) / 2u;
  for (var i = id.x; i < pairs; i += groups.x * 64u) {
    let bits = threefry2x32(vec2u(i, params.counter1), vec2u(params.key0, params.key1));
    let u = vec2f(uniform_of(bits.x), uniform_of(bits.y));
    var noise: vec2f;
    if (LAPLACE) {
      noise = vec2f(log_of_unit(u.x), log_of_unit(u.y)) * (1.0 - 2.0 * vec2f(bits & vec2u(1u)));
    } else {
      noise = normals_of(u);
    }
    let at = 2u * i;
    out[params.skip + at] = generated[at] + params.spread * noise.x;
    if (at + 1u < params.count) {
      out[params.skip + at + 1u] = generated[at + 1u] + params.spread * noise.y;
    }
  }
}
