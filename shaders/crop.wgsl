// out_brsc = x_brsc where r < height_in and s < width_in, else 0: the top left of images, or images padded with zeros at
// the bottom and on the right.
//   x    [batch, height_in, width_in, channels]      out  [batch, height_out, width_out, channels], both NHWC
// One workgroup: 16 neighbouring values of 4 lines of out; it goes on along the lines, and with the lines as many
// workgroups further on. Bytes: 8 per value of out. Flops: none.
// Source: the definition.

struct Params {
  lines: u32, // batch·height_out
  height_in: u32,
  height_out: u32,
  length_in: u32, // width_in·channels
  length_out: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn crop(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  for (var line = group.x * 4u + lane / 16u; line < params.lines; line += groups.x * 4u) {
    let row = line % params.height_out;
    let start = (line / params.height_out * params.height_in + row) * params.length_in;
    let length = select(0u, params.length_in, row < params.height_in);
    for (var at = lane % 16u; at < params.length_out; at += 16u) {
      var value = 0.0;
      if (at < length) {
        value = x[start + at];
      }
      out[line * params.length_out + at] = value;
    }
  }
}
