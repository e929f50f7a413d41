// Four values as a tile in workgroup memory has them: `alias Stored`, which is vec4f, or vec4h with HALVES: then the nearest f16,
// the largest of them beyond ±65 504.

const HALVES: u32 = 0u; // specialised: 1 in mixed precision

fn stored(values: vec4f) -> Stored {
  if (HALVES == 1u) {
    return Stored(clamp(values, vec4f(-65504.0), vec4f(65504.0)));
  }
  return Stored(values);
}
