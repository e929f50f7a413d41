// Statistics of the coupling over blocks of the n × m pairs; the pairs themselves are never stored.
//   u_ij = v_ij/λ (− 1), v_ij = D₁(y_i) − D₂(ŷ_j) − l(y_i, ŷ_j)      w_ij = exp(u_ij − s) or, hinge, u_ij
//   real  [n, d]   fake  [m, d]   critic_real  [n]   critic_fake  [m]
//   row_partials     [column_blocks, n, 8]: s = max u, Σw, Σw·l, Σw·(u − s), Σw·log w, pairs clipped, pairs not finite, 0
//                    over the row's pairs in a block of columns
//   column_partials  [row_blocks, m, 2]: s, Σw over the column's pairs in a block of rows
// One workgroup takes a block of row_tiles × column_tiles tiles of 32 × 32 pairs, one tile at a time: each of its 64
// invocations sums the costs of 4 × 4 pairs in registers and puts them into workgroup memory; then 32 invocations fold
// the rows of the tile into running statistics and 32 the columns, in order.
// Numeric strategy: maxima are carried along with the sums, so that no exponent overflows (FlashAttention, Dao et al. 2022).
// Bytes: 4·n·m·d·(1/4 + 1/4) read through caches. Flops: 3·n·m·d + about 60·n·m.
// Source: the dual of Balaji et al., ICML 2019, over all pairs of the batch.
// lib: entropic_pair finite entropic_tiles pair_costs

struct Params {
  n: u32,
  m: u32,
  d: u32,
  row_tiles: u32, // tiles of a block along n, along m
  column_tiles: u32,
  first_row_block: u32,
  lambda: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> real: array<f32>;
@group(0) @binding(2) var<storage, read> fake: array<f32>;
@group(0) @binding(3) var<storage, read> critic_real: array<f32>;
@group(0) @binding(4) var<storage, read> critic_fake: array<f32>;
@group(0) @binding(5) var<storage, read_write> row_partials: array<f32>;
@group(0) @binding(6) var<storage, read_write> column_partials: array<f32>;

override COST: u32 = 0u;
override FORM: u32 = 0u;

@compute @workgroup_size(64)
fn entropic_objective_tiles(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  fold_block(group, lane);
}

fn sum_costs(lane: u32, row: u32, column: u32) {
  let r = (lane / 8u) * 4u;
  let c = (lane % 8u) * 4u;
  if (row + r >= params.n || column + c >= params.m) {
    return; // never read
  }
  let sums = pair_costs(row + r, column + c);
  for (var i = 0u; i < 4u; i++) {
    for (var j = 0u; j < 4u; j++) {
      costs[(r + i) * TILE + c + j] = scaled_cost(sums[i][j]);
    }
  }
}
