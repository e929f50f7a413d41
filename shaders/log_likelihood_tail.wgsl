// Makes room among the large log-weights that are kept of each observation for Pareto k̂, before a chunk appends to them:
// where more than `room` are there, only the LENGTH largest stay, and the LENGTH-th becomes the limit that others must pass.
//   tail ← the LENGTH largest of tail
//   tail [n, stride] of u32, read and written: count, limit, then `count` keys (lib/float_key.wgsl) in no order; zero at first
// One workgroup has one observation. Selection by radix (Alabi et al. 2012): four histograms of 8 bits, from the top,
// give the LENGTH-th largest key exactly; everything above it and as many equal to it as there is room for are packed
// into workgroup memory (each invocation packs a stretch of its own at a place counted beforehand) and written back.
// Integer atomics only: the same set whatever their order.
// Bytes: 8·n, and 4·(6·count + LENGTH) for each observation with something to drop. Flops: about 10·count, integer.

struct Params {
  n: u32,
  stride: u32,
  room: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> tail: array<u32>;

const LENGTH: u32 = 16u; // specialised
const INVOCATIONS: u32 = 64u; // specialised: 4 where barriers are dear

var<workgroup> total: u32;
var<workgroup> histogram: array<atomic<u32>, 256>;
var<workgroup> places: array<vec2u, INVOCATIONS>; // of each invocation: keys above the limit, keys equal to it
var<workgroup> chosen: vec2u; // digits found so far, how many of the keys that share them are wanted
var<workgroup> packed: array<u32, LENGTH>;

@compute @workgroup_size(INVOCATIONS)
fn log_likelihood_tail(@builtin(local_invocation_index) local: u32, @builtin(workgroup_id) group: vec3u) {
  let row = group.x * params.stride;
  if (local == 0u) {
    total = tail[row];
  }
  let count = workgroupUniformLoad(&total);
  if (count <= params.room) {
    return;
  }
  let keys = row + 2u;
  var prefix = 0u;
  var wanted = LENGTH;
  for (var round = 0u; round < 4u; round++) {
    let shift = 24u - 8u * round;
    for (var i = local; i < 256u; i += INVOCATIONS) {
      atomicStore(&histogram[i], 0u);
    }
    workgroupBarrier();
    for (var i = local; i < count; i += INVOCATIONS) {
      let key = tail[keys + i];
      if (round == 0u || key >> (shift + 8u) == prefix) {
        atomicAdd(&histogram[(key >> shift) & 255u], 1u);
      }
    }
    workgroupBarrier();
    if (local == 0u) {
      var digit = 255u;
      var remaining = wanted;
      var here = atomicLoad(&histogram[digit]);
      while (here < remaining && digit > 0u) {
        remaining -= here;
        digit--;
        here = atomicLoad(&histogram[digit]);
      }
      chosen = vec2u((prefix << 8u) | digit, remaining);
    }
    let found = workgroupUniformLoad(&chosen);
    prefix = found.x;
    wanted = found.y;
  }
  // prefix is now the LENGTH-th largest key, and `wanted` of the keys equal to it stay.
  let stretch = (count + INVOCATIONS - 1u) / INVOCATIONS;
  let start = local * stretch;
  let end = min(start + stretch, count);
  var counts = vec2u();
  for (var i = start; i < end; i++) {
    let key = tail[keys + i];
    counts += vec2u(u32(key > prefix), u32(key == prefix));
  }
  places[local] = counts;
  workgroupBarrier();
  var above = 0u;
  var equal = 0u;
  for (var i = 0u; i < local; i++) {
    above += places[i].x;
    equal += places[i].y;
  }
  for (var i = start; i < end; i++) {
    let key = tail[keys + i];
    if (key > prefix) {
      packed[above] = key;
      above++;
    } else if (key == prefix) {
      if (equal < wanted) {
        packed[LENGTH - wanted + equal] = key;
      }
      equal++;
    }
  }
  workgroupBarrier();
  for (var i = local; i < LENGTH; i += INVOCATIONS) {
    tail[keys + i] = packed[i];
  }
  if (local == 0u) {
    tail[row] = LENGTH;
    tail[row + 1u] = prefix;
  }
}
