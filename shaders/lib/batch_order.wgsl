// The order in which an epoch visits the samples: a permutation of 0 … count − 1 keyed by seed, stream and epoch. A
// balanced Feistel network of four rounds over the next even number of bits, walked until it lands below count
// (Luby & Rackoff 1988; Black & Rogaway 2002). The host twin is src/data/batch-order.ts. Needs lib/threefry.

fn sample_at(position: u32, epoch: u32, count: u32, key: vec2u) -> u32 {
  let half_bits = max(1u, (33u - countLeadingZeros(count - 1u)) / 2u);
  let mask = (1u << half_bits) - 1u;
  var x = position;
  loop {
    var left = x >> half_bits;
    var right = x & mask;
    for (var round = 0u; round < 4u; round++) {
      let mixed = threefry2x32(vec2u(right, (epoch << 2u) | round), key).x & mask;
      let next = left ^ mixed;
      left = right;
      right = next;
    }
    x = (left << half_bits) | right;
    if (x < count) {
      return x;
    }
  }
}
