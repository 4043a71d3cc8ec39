// Laboratory: sums over the pixels of each channel, x [pixels, 4 * channels4] from a storage buffer. One invocation sums one vec4 of
// channels over one slab of pixels: y [slab, channels4].
#import index

const WG_SIZE: u32 = 16u;

struct Params { channels4: u32, pixels: u32, slab: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = flat_index(global_id, workgroups, WG_SIZE);
  let first = id / params.channels4 * params.slab;
  if (first < params.pixels) {
    var i = first * params.channels4 + id % params.channels4;
    var sum = vec4f();
    for (var pixel = first; pixel < min(first + params.slab, params.pixels); pixel++) {
      sum += x[i];
      i += params.channels4;
    }
    y[id] = sum;
  }
}
