// out = act( (old out + Σ_s parts[s] + bias) ⊙ act'(gate) ),    column_sums[j] = old column_sums[j] + Σ_s parts[s, m, j]
//   parts  [splits, m + 1, n], what matmul_tile leaves: products over parts of k, and below each its column sums
//   bias   [n], with HAS_BIAS                     gate  [m, n], with GATE: outputs of the activation whose derivative it is
//   out    [m, n]                                 column_sums [n], with COLUMN_SUMS
// The old values count with ACCUMULATE only. An element an invocation; one workgroup: 64 of them at a time.
// Numeric strategy: float32, parts in order. Grid: ⌈(m + 1)·n/64⌉ workgroups, or fewer that go on.
// Bytes: 4·(splits + 1)·(m + 1)·n. Flops: splits·(m + 1)·n.
// lib: activation matmul_epilogue

struct Params {
  m: u32,
  n: u32,
  splits: u32,
  activation: u32, // numbers of lib/activation.wgsl
  activation_slope: f32, // below zero: 1 where linear or curved, 0 of ReLU
  gate_slope: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> gate: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(0) @binding(5) var<storage, read_write> column_sums: array<f32>;

override HAS_BIAS: u32 = 0u;
override ACCUMULATE: u32 = 0u;
override GATE: u32 = 0u;
override COLUMN_SUMS: u32 = 0u;

@compute @workgroup_size(64)
fn matmul_sum(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let stride = (params.m + 1u) * params.n;
  let count = select(params.m * params.n, stride, COLUMN_SUMS == 1u);
  for (var i = id.x; i < count; i += groups.x * 64u) {
    var sum = 0.0;
    for (var s = 0u; s < params.splits; s++) {
      sum += parts[s * stride + i];
    }
    let row = i / params.n;
    let column = i % params.n;
    if (row < params.m) {
      store_one(row, column, sum);
    } else {
      store_sum(column, sum);
    }
    for (var rest = is_curved(params.activation); rest; rest = false) {
      curve_one(row, column);
    }
  }
}
