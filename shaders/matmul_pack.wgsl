// packed[f, g, r, c] = source at row 16·f + r and value 16·g + c of k, rounded to f16; 0 past the edges
// One factor of a matrix product in the 16 × 16 pieces that matmul_matrix multiplies: [row_pieces, k_pieces, 16, 16].
//   source [rows, k] wherever its rows and values lie; row `rows` is of ones, with ONES
// One workgroup: a piece, four values an invocation. Numeric strategy: the nearest f16, an infinity beyond ±65 504.
// Grid: row_pieces·k_pieces workgroups, 1024 a row. Bytes: 4·rows·k read, 2·256 written for each piece. Flops: 0.

enable f16;

struct Params {
  rows: u32,
  k: u32,
  row_stride: u32, // floats from one row to the next, from one value of k to the next
  k_stride: u32,
  row_pieces: u32,
  k_pieces: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> packed: array<vec4h>;

override ONES: u32 = 0u;
const GRID_WIDTH = 1024u; // workgroups across the grid, which goes on below

@compute @workgroup_size(64)
fn matmul_pack(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let piece = group.y * GRID_WIDTH + group.x;
  if (piece >= params.row_pieces * params.k_pieces) {
    return;
  }
  let first_row = piece / params.k_pieces * 16u;
  let first_k = piece % params.k_pieces * 16u;
  // Neighbouring invocations read neighbours, whichever way the matrix lies.
  let along_k = params.k_stride == 1u;
  let r = select(lane % 16u, lane / 4u, along_k);
  let v = select(lane / 16u, lane % 4u, along_k);
  let row = first_row + r;
  let k = first_k + 4u * v;
  packed[piece * 64u + r * 4u + v] =
    vec4h(vec4f(value_at(row, k), value_at(row, k + 1u), value_at(row, k + 2u), value_at(row, k + 3u)));
}

fn value_at(row: u32, k: u32) -> f32 {
  if (k >= params.k || row > params.rows) {
    return 0.0;
  }
  if (row == params.rows) {
    return f32(ONES);
  }
  return source[row * params.row_stride + k * params.k_stride];
}
