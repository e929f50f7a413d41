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
// lib: entropic_pair pair_costs

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

const TILE: u32 = 32u;
var<workgroup> costs: array<f32, 1024>; // [row of the tile][column of the tile]

@compute @workgroup_size(64)
fn entropic_objective_tiles(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row_block = params.first_row_block + group.y;
  let first_row = row_block * params.row_tiles * TILE;
  let first_column = group.x * params.column_tiles * TILE;
  for (var row_tile = 0u; row_tile < params.row_tiles; row_tile++) {
    let row = first_row + row_tile * TILE;
    var state = RowState(LOWEST, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (var column_tile = 0u; column_tile < params.column_tiles; column_tile++) {
      let column = first_column + column_tile * TILE;
      workgroupBarrier(); // the tile before this one is folded
      sum_costs(lane, row, column);
      workgroupBarrier();
      if (lane < TILE) {
        state = fold_row(state, row + lane, lane, column);
      } else {
        fold_column(column + lane - TILE, lane - TILE, row, row_block, row_tile == 0u);
      }
    }
    if (lane < TILE && row + lane < params.n) {
      let at = (group.x * params.n + row + lane) * 8u;
      row_partials[at] = state.shift;
      row_partials[at + 1u] = state.sum;
      row_partials[at + 2u] = state.cost;
      row_partials[at + 3u] = state.gap;
      row_partials[at + 4u] = state.entropy;
      row_partials[at + 5u] = state.clipped;
      row_partials[at + 6u] = state.unsound;
    }
  }
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

struct RowState {
  shift: f32,
  sum: f32,
  cost: f32,
  gap: f32,
  entropy: f32,
  clipped: f32,
  unsound: f32,
}

// Adds the pairs of one row with the tile's columns.
fn fold_row(before: RowState, i: u32, tile_row: u32, column: u32) -> RowState {
  var state = before;
  if (i >= params.n) {
    return state;
  }
  let critic = critic_real[i];
  let count = min(TILE, params.m - min(column, params.m));
  for (var c = 0u; c < count; c++) {
    let cost = costs[tile_row * TILE + c];
    let other = critic_fake[column + c];
    let u = exponent(critic, other, cost);
    if (FORM != 2u && u > state.shift) {
      // A new maximum: what was summed relative to the old one shrinks.
      let fall = state.shift - u;
      let factor = exp(fall);
      state.gap = factor * (state.gap + select(0.0, fall * state.sum, state.sum > 0.0));
      state.sum *= factor;
      state.cost *= factor;
      state.shift = u;
    }
    let w = weight(u, state.shift);
    state.sum += w;
    state.cost += w * cost;
    if (FORM == 2u) {
      state.gap += w * w;
      state.entropy += select(0.0, w * log(max(w, 1e-30)), w > 0.0);
    } else {
      state.gap += w * (u - state.shift);
    }
    state.clipped += select(0.0, 1.0, is_clipped(critic, other, cost));
    state.unsound += select(1.0, 0.0, is_finite(cost) && is_finite(critic - other));
  }
  return state;
}

// Adds the pairs of one column with the tile's rows to what earlier tiles of the block left in memory.
fn fold_column(j: u32, tile_column: u32, row: u32, row_block: u32, is_first: bool) {
  if (j >= params.m) {
    return;
  }
  let at = (row_block * params.m + j) * 2u;
  var shift = LOWEST;
  var sum = 0.0;
  if (!is_first) {
    shift = column_partials[at];
    sum = column_partials[at + 1u];
  }
  let critic = critic_fake[j];
  let count = min(TILE, params.n - min(row, params.n));
  for (var r = 0u; r < count; r++) {
    let u = exponent(critic_real[row + r], critic, costs[r * TILE + tile_column]);
    if (FORM != 2u && u > shift) {
      sum *= exp(shift - u);
      shift = u;
    }
    sum += weight(u, shift);
  }
  column_partials[at] = shift;
  column_partials[at + 1u] = sum;
}
