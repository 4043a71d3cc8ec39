// Strided copy of whole vec4: y[i0, i1, i2, i3] = x[start + sum of i_d * strides_d], all in vec4, the last stride 1.
// One invocation moves one vec4, as bits.
#import index

const WG_SIZE: u32 = 256u;

struct Params { vectors: u32, start: i32, dims: vec4u, strides: vec4i }

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4u>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.vectors) { return; }
  let row = i / params.dims.w;
  let slab = row / params.dims.z;
  let block = slab / params.dims.y;
  let at = vec4i(vec4u(block, slab - block * params.dims.y, row - slab * params.dims.z, i - row * params.dims.w));
  let steps = at * params.strides;
  y[i] = x[params.start + steps.x + steps.y + steps.z + steps.w];
}
