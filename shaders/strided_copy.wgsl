// y[i0, ..., i7] = x[start + sum of i_d * strides_d]: transposition, slicing and expansion of up to 8 dimensions.
// One invocation moves one element, as bits. Strides are in elements and may be negative or 0.
#import index

const WG_SIZE: u32 = 256u;

struct Params { count: u32, start: i32, dims: array<vec4u, 2>, strides: array<vec4i, 2> }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.count) { return; }
  var rest = i;
  var at = params.start;
  for (var d = 7i; d >= 0i; d--) {
    let size = params.dims[d >> 2u][d & 3];
    at += i32(rest % size) * params.strides[d >> 2u][d & 3];
    rest /= size;
  }
  y[i] = x[at];
}
