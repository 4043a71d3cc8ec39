// Borders around a tensor of up to 8 dimensions: one invocation computes one element of y.
// MODE: 0 constant, 1 reflect (the edge is not repeated), 2 edge.
#import index

const WG_SIZE: u32 = 256u;
const MODE: u32 = 0u;

struct Params {
  count: u32,
  value: u32, // bits of an f32, i32 or bool
  dims: array<vec4u, 2>,
  begins: array<vec4i, 2>,
  sizes: array<vec4i, 2>,
  strides: array<vec4i, 2>,
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
  var inside = true;
  for (var d = 7i; d >= 0i; d--) {
    let size = params.dims[d >> 2u][d & 3];
    let last = params.sizes[d >> 2u][d & 3] - 1;
    var at = i32(rest % size) - params.begins[d >> 2u][d & 3];
    rest /= size;
    inside = inside && at >= 0 && at <= last;
    if (MODE == 1u) {
      at = abs(at);
      at = select(at, 2 * last - at, at > last);
    }
    source += clamp(at, 0, max(last, 0)) * params.strides[d >> 2u][d & 3];
  }
  if (MODE == 0u && !inside) { y[i] = params.value; } else { y[i] = x[source]; }
}
