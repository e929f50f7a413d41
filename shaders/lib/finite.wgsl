// Whether x is a number: a test of its bits, for WGSL may assume infinities and NaN away.

fn is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}
