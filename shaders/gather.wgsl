// A batch of 8-bit samples as floats: out = byte · scale.
//   data  [count, size] bytes, four to a word      out  [batch, size] floats
// Row b of the batch is the sample at position (offset + b) mod count of its epoch's order; where a batch runs past the
// end of an epoch it goes on with the next one's order. One workgroup makes 64 consecutive values at a time of one row.
// Bytes: 5·batch·size. Flops: batch·size.
// lib: threefry batch_order

struct Params {
  count: u32,
  size: u32,
  batch: u32,
  scale: f32,
  key0: u32,
  key1: u32,
  epoch: u32,
  offset: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> data: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn gather(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  let position = params.offset + row;
  let epoch = params.epoch + position / params.count;
  let index = sample_at(position % params.count, epoch, params.count, vec2u(params.key0, params.key1));
  for (var i = lane; i < params.size; i += 64u) {
    let at = index * params.size + i;
    let byte = (data[at / 4u] >> (8u * (at % 4u))) & 0xffu;
    out[row * params.size + i] = f32(byte) * params.scale;
  }
}
