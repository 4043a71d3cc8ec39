// The values of a slice put back in their places, zero elsewhere: one invocation computes one element of y.
// In each of 8 dimensions element `at` of y is element (at - start) / step of the slice, where that is whole and inside.
#import index

const WG_SIZE: u32 = 256u;

struct Params {
  count: u32,
  dims: array<vec4u, 2>,
  starts: array<vec4i, 2>,
  steps: array<vec4i, 2>,
  counts: array<vec4i, 2>,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.count) { return; }
  var rest = i;
  var source = 0;
  var stride = 1;
  var inside = true;
  for (var d = 7i; d >= 0i; d--) {
    let size = params.dims[d >> 2u][d & 3];
    let step = params.steps[d >> 2u][d & 3];
    let offset = i32(rest % size) - params.starts[d >> 2u][d & 3];
    rest /= size;
    let at = offset / step;
    let count = params.counts[d >> 2u][d & 3];
    inside = inside && at * step == offset && at >= 0 && at < count;
    source += at * stride;
    stride *= count;
  }
  y[i] = 0u;
  if (inside) { y[i] = x[source]; }
}
