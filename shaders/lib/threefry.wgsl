// Threefry2x32 with 20 rounds (Salmon, Moraes, Dror & Shaw 2011): two words of random bits from a counter and a key.

fn threefry2x32(counter: vec2u, key: vec2u) -> vec2u {
  let third = key.x ^ key.y ^ 0x1bd11bdau;
  var x = counter + key;
  x = four_rounds(x, vec4u(13u, 15u, 26u, 6u)) + vec2u(key.y, third + 1u);
  x = four_rounds(x, vec4u(17u, 29u, 16u, 24u)) + vec2u(third, key.x + 2u);
  x = four_rounds(x, vec4u(13u, 15u, 26u, 6u)) + vec2u(key.x, key.y + 3u);
  x = four_rounds(x, vec4u(17u, 29u, 16u, 24u)) + vec2u(key.y, third + 4u);
  return four_rounds(x, vec4u(13u, 15u, 26u, 6u)) + vec2u(third, key.x + 5u);
}

fn four_rounds(x: vec2u, rotations: vec4u) -> vec2u {
  return one_round(one_round(one_round(one_round(x, rotations.x), rotations.y), rotations.z), rotations.w);
}

fn one_round(x: vec2u, rotation: u32) -> vec2u {
  let sum = x.x + x.y;
  return vec2u(sum, ((x.y << rotation) | (x.y >> (32u - rotation))) ^ sum);
}

// The uniform in (0, 1] of one word: 24 bits, exact in float32.
fn uniform_of(bits: u32) -> f32 {
  return f32((bits >> 8u) + 1u) * 0x1p-24;
}
