// out = act( (old out + Σ_s parts[s] + bias) ⊙ act'(gate) )
//   parts  [splits, m, n], what conv2d_tile leaves of windows × outputs: sums over parts of what is under the windows
//   out    [m, n], or with BLOCK > 1 blocks of pixels: out, bias, gate and ACCUMULATE as in conv2d_tile.wgsl
// An element an invocation; one workgroup: 64 of them at a time.
// Numeric strategy: float32, parts in order. Grid: ⌈m·n/64⌉ workgroups, or fewer that go on.
// Bytes: 4·(splits + 1)·m·n. Flops: splits·m·n.
// lib: activation conv2d_epilogue

struct Params {
  m: u32, // windows, batch·rows·columns
  n: u32, // outputs of a window
  splits: u32,
  rows: u32,
  columns: u32,
  out_height: u32,
  out_width: u32,
  out_channels: u32,
  activation_slope: f32,
  gate_slope: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> gate: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

override BLOCK: u32 = 1u; // pixels of the output image that a window gives, on a side
override HAS_BIAS: u32 = 0u;
override ACTIVATION: u32 = 0u; // numbers of lib/activation.wgsl
override ACCUMULATE: u32 = 0u;
override GATE: u32 = 0u;

@compute @workgroup_size(64)
fn conv2d_sum(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let count = params.m * params.n;
  for (var i = id.x; i < count; i += groups.x * 64u) {
    var sum = 0.0;
    for (var s = 0u; s < params.splits; s++) {
      sum += parts[s * count + i];
    }
    store_placed(place_of_window(i / params.n), place_of_output(i % params.n), sum);
  }
}
