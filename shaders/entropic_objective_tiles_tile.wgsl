// Statistics of the coupling over blocks of the n × m pairs; the pairs themselves are never stored.
//   u_ij = v_ij/λ (− 1), v_ij = D₁(y_i) − D₂(ŷ_j) − l(y_i, ŷ_j)      w_ij = exp(u_ij − s) or, hinge, u_ij
//   real  [n, d]   fake  [m, d]   critic_real  [n]   critic_fake  [m]
//   row_partials     [column_blocks, n, 8]: s, Σw over the row's pairs in a block of columns; then Σw·l, Σw·(u − s), Σw·log w,
//                    pairs clipped, pairs not finite, 0, which are right only in their sum over the rows of a tile: each
//                    row has its share of the tile's pairs, whichever they are
//   column_partials  [row_blocks, m, 2]: s, Σw over the column's pairs in a block of rows
// The variant for GPUs. One workgroup takes a block of row_tiles × column_tiles tiles of TILE × TILE pairs, one tile at a time:
// its costs by lib/pair_tile, then their weights, which each invocation sums over its own pairs in registers; the sums of
// columns come together tile by tile, those of rows once the last tile of the row's is done, in order.
// Numeric strategy: s is the maximum over the tiles of the block so far, carried along with the sums, so that no exponent
// overflows, and what underflows is nothing beside the maximum over all pairs (FlashAttention, Dao et al. 2022).
// Bytes: 4·n·m·d·2/TILE read. Flops: 3·n·m·d + about 60·n·m.
// Source: the dual of Balaji et al., ICML 2019, over all pairs of the batch.
// lib: entropic_pair finite pair_tile

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

const TILE: u32 = 16u; // specialised: 32 or 64 where there are enough pairs for it
const INVOCATIONS: u32 = 256u; // specialised: 64 of the largest tile
const STEP: u32 = 64u; // specialised: values of d in a half of workgroup memory
const MEMORY: u32 = STEP * TILE;
const COLUMNS_AT: u32 = MEMORY / 2u;

@compute @workgroup_size(INVOCATIONS)
fn entropic_objective_tiles_tile(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
  let row_block = params.first_row_block + group.y;
  let first_row = row_block * params.row_tiles * TILE;
  let first_column = group.x * params.column_tiles * TILE;
  let end_row = min(first_row + params.row_tiles * TILE, params.n);
  let end_column = min(first_column + params.column_tiles * TILE, params.m);
  let lane_row = index % PLACES / LANES;
  let lane_column = index % LANES;
  let first = select(index / PLACES % 16u, 0u, PARTS == 1u);
  let is_carrier = index < CARRIERS;
  var shift = LOWEST;
  for (var row = first_row; row < end_row; row += TILE) {
    var row_sums = array<f32, OWN_ROWS>();
    var sum = 0.0; // of all of them
    var statistics = vec4f(); // Σw·l, Σw·(u − s) or Σw², pairs clipped or Σw·log w, pairs not finite
    for (var column = first_column; column < end_column; column += TILE) {
      let costs = tile_costs(index, row, column);
      let others = array<vec4f, 2>(
        four_critics(column + lane_column),
        four_critics(column + lane_column + LANES),
      );
      if (FORM != 2u) {
        // What was summed relative to the old maximum shrinks.
        var top = LOWEST;
        for (var t = 0u; t < OWN; t++) {
          let v = first + t;
          let u = exponents(critic_of(row + lane_row + v / 2u * LANES), others[v % 2u], costs[t]);
          top = max(top, max(max(u.x, u.y), max(u.z, u.w)));
        }
        let new_shift = max(shift, largest(index, top));
        let fall = shift - new_shift;
        let factor = exp(fall);
        statistics.x *= factor;
        statistics.y = factor * (statistics.y + fall * sum);
        sum *= factor;
        for (var r = 0u; r < OWN_ROWS; r++) {
          row_sums[r] *= factor;
        }
        shift = new_shift;
      }
      var column_sums = array<vec4f, 2>(vec4f(), vec4f());
      if (is_carrier) {
        for (var t = 0u; t < OWN; t++) {
          let v = first + t;
          let i = row + lane_row + v / 2u * LANES;
          let critic = critic_of(i);
          let other = others[v % 2u];
          let exist = four_exist(i, column + lane_column + v % 2u * LANES);
          let u = exponents(critic, other, costs[t]);
          let w = select(vec4f(), weights(u, shift), exist);
          let row_sum = w.x + w.y + w.z + w.w;
          row_sums[t / 2u] += row_sum;
          sum += row_sum;
          column_sums[t % 2u] += w;
          statistics += statistics_of(w, u - shift, costs[t]);
          statistics += faults_of(critic, other, costs[t], exist);
        }
        let at = COLUMNS_AT + (lane_row + first / 2u * LANES) * FOURS + lane_column;
        memory[at + first % 2u * LANES] = column_sums[0];
        if (OWN > 1u) {
          memory[at + LANES] = column_sums[1];
        }
      }
      workgroupBarrier();
      add_column(index, row_block, column, shift, row == first_row);
      workgroupBarrier(); // the memory is free
    }
    store_rows(index, group.x, row, row_sums, shift, statistics);
  }
}

fn critic_of(i: u32) -> f32 {
  return critic_real[min(i, params.n - 1u)];
}

// The largest of the carriers' numbers, in all invocations.
fn largest(index: u32, mine: f32) -> f32 {
  memory[index] = vec4f(mine);
  workgroupBarrier();
  if (index < 8u) {
    var most = LOWEST;
    for (var other = index; other < CARRIERS; other += 8u) {
      most = max(most, memory[other].x);
    }
    memory[INVOCATIONS + index] = vec4f(most);
  }
  workgroupBarrier();
  var most = LOWEST;
  for (var other = 0u; other < 8u; other++) {
    most = max(most, memory[INVOCATIONS + other].x);
  }
  return most;
}

fn statistics_of(w: vec4f, gap: vec4f, cost: vec4f) -> vec4f {
  if (FORM == 2u) {
    return vec4f(dot(w, cost), dot(w, w), dot(w, log(max(w, vec4f(1e-30)))), 0.0);
  }
  return vec4f(dot(w, cost), dot(w, gap), 0.0, 0.0);
}

fn faults_of(critic: f32, others: vec4f, cost: vec4f, exist: vec4<bool>) -> vec4f {
  var faults = vec4f();
  for (var q = 0u; q < 4u; q++) {
    let is_sound = is_finite(cost[q]) && is_finite(critic - others[q]);
    faults.z += select(0.0, 1.0, exist[q] && is_clipped(critic, others[q], cost[q]));
    faults.w += select(0.0, 1.0, exist[q] && !is_sound);
  }
  return faults;
}

// Adds the tile's sums of a column to what earlier tiles of the block left in memory.
fn add_column(index: u32, row_block: u32, column: u32, shift: f32, is_first: bool) {
  let j = column + index;
  if (index >= TILE || j >= params.m) {
    return;
  }
  let down = TILE / OWN_ROWS; // vectors of carriers
  var sum = 0.0;
  for (var r = 0u; r < down; r++) {
    sum += memory[COLUMNS_AT + r * FOURS + index % FOURS][index / FOURS];
  }
  let at = (row_block * params.m + j) * 2u;
  if (!is_first) {
    sum += column_partials[at + 1u] * select(exp(column_partials[at] - shift), 1.0, FORM == 2u);
  }
  column_partials[at] = shift;
  column_partials[at + 1u] = sum;
}

// Sums the rows of a tile over its columns, and stores them with the statistics of all invocations, shared out among them.
fn store_rows(index: u32, column_block: u32, row: u32, row_sums: array<f32, OWN_ROWS>, shift: f32, statistics: vec4f) {
  let own_sums = row_sums;
  let width = LANES * (OWN % 2u + 1u); // sums of carriers
  if (index < CARRIERS) {
    let first = select(index / PLACES, 0u, PARTS == 1u);
    let lane_row = index % PLACES / LANES + first / 2u * LANES;
    let across = index % LANES + first % 2u * LANES;
    for (var r = 0u; r < OWN_ROWS; r++) {
      memory[(lane_row + r * LANES) * width + across] = vec4f(own_sums[r]);
    }
  }
  workgroupBarrier();
  var sum = 0.0;
  if (index < TILE) {
    for (var c = 0u; c < width; c++) {
      sum += memory[index * width + c].x;
    }
  }
  workgroupBarrier();
  memory[index] = statistics;
  workgroupBarrier();
  let count = min(TILE, params.n - row);
  if (index < count) {
    var share = vec4f();
    for (var other = index; other < CARRIERS; other += count) {
      share += memory[other];
    }
    let at = (column_block * params.n + row + index) * 8u;
    row_partials[at] = shift;
    row_partials[at + 1u] = sum;
    row_partials[at + 2u] = share.x;
    row_partials[at + 3u] = share.y;
    row_partials[at + 4u] = select(0.0, share.z, FORM == 2u);
    row_partials[at + 5u] = select(share.z, 0.0, FORM == 2u);
    row_partials[at + 6u] = share.w;
  }
  workgroupBarrier(); // the memory is free
}
