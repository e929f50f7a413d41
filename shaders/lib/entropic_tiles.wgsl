// Running statistics of a block of pairs, tile by tile: what the variants of entropic_objective_tiles have in common. They
// have its params, bindings and overrides, and `sum_costs`, which puts the costs of a tile into workgroup memory.
// Needs lib/entropic_pair.

const TILE: u32 = 32u;
var<workgroup> costs: array<f32, 1024>; // [row of the tile][column of the tile]

fn fold_block(group: vec3u, lane: u32) {
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
