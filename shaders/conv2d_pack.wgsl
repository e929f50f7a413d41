// packed[(u, v, f), (p, q, c)] = weight[p + pad_top + stride·(block_pad_top − u), q + pad_left + stride·(block_pad_left − v), c, f]
// and zero where that is outside: the weights of the plain convolution over windows that a transposed convolution is. A block
// of stride × stride pixels (p, q) of the image gathers from the windows around it, (u, v) of them.
//   weight [kernel, kernel, channels, filters]     packed [tap_rows, tap_columns, filters, stride·stride·channels]
// An element an invocation; one workgroup: 64 of them at a time. Numeric strategy: copies, exact.
// Bytes: 4·(weight + packed). Flops: 0.

struct Params {
  count: u32, // elements of packed
  kernel: u32,
  channels: u32,
  filters: u32,
  stride: u32,
  pad_top: u32,
  pad_left: u32,
  tap_columns: u32,
  block_pad_top: u32,
  block_pad_left: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> packed: array<f32>;

@compute @workgroup_size(64)
fn conv2d_pack(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  for (var i = id.x; i < params.count; i += groups.x * 64u) {
    let channel = i % params.channels;
    var rest = i / params.channels;
    let q = rest % params.stride;
    rest /= params.stride;
    let p = rest % params.stride;
    rest /= params.stride;
    let filter_index = rest % params.filters;
    rest /= params.filters;
    let v = rest % params.tap_columns;
    let u = rest / params.tap_columns;
    let y = i32(p + params.pad_top + params.stride * params.block_pad_top) - i32(params.stride * u);
    let x = i32(q + params.pad_left + params.stride * params.block_pad_left) - i32(params.stride * v);
    var value = 0.0;
    if (y >= 0 && y < i32(params.kernel) && x >= 0 && x < i32(params.kernel)) {
      value = weight[((u32(y) * params.kernel + u32(x)) * params.channels + channel) * params.filters + filter_index];
    }
    packed[i] = value;
  }
}
