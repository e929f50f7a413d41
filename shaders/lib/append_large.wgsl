// Keeps the large log-weights of an observation, for Pareto k̂ (log_likelihood_tail makes room for them): needs `tail`, rows of
// params.tail_stride words, count, limit, keys, and lib/float_key.wgsl.

const KEY_OF_LOWEST: u32 = ~0xf149f2cau; // of -1e30, the log-weight of pairs that do not count

// Appends those of four log-weights that may be among the largest; the set is the same whatever the order.
fn append_large(n: u32, s: vec4f) {
  let row = n * params.tail_stride;
  let limit = max(atomicLoad(&tail[row + 1u]), KEY_OF_LOWEST);
  let keys = keys_of(s);
  if (all(keys <= vec4u(limit))) {
    return;
  }
  for (var i = 0u; i < 4u; i++) {
    if (keys[i] > limit) {
      atomicStore(&tail[row + 2u + atomicAdd(&tail[row], 1u)], keys[i]);
    }
  }
}
