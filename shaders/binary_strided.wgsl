// Element-wise functions of two tensors under any broadcasting of up to 8 dimensions: one invocation computes
// one element of y. Strides are in elements, 0 where an operand is repeated.
#import index
#import nan
#import binary_functions

const WG_SIZE: u32 = 256u;

struct Params { count: u32, dims: array<vec4u, 2>, a_strides: array<vec4u, 2>, b_strides: array<vec4u, 2> }

@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.count) { return; }
  var rest = i;
  var p = 0u;
  var q = 0u;
  for (var d = 7i; d >= 0i; d--) {
    let size = params.dims[d >> 2u][d & 3];
    let at = rest % size;
    rest /= size;
    p += at * params.a_strides[d >> 2u][d & 3];
    q += at * params.b_strides[d >> 2u][d & 3];
  }
  y[i] = apply_bits(a[p], b[q]);
}
