// Element-wise functions of two tensors, flat: one invocation computes one vec4 of y.
// An operand is as large as y, one value, or the trailing dimensions of y (its length in vec4 is the period).
#import index
#import nan
#import binary_functions

const WG_SIZE: u32 = 256u;
const A_FORM: u32 = 0u; // 0: as y; 1: one value; 2: trailing dimensions
const B_FORM: u32 = 0u;

struct Params { vectors: u32, a_period: u32, b_period: u32 }

@group(0) @binding(0) var<storage, read> a: array<vec4u>;
@group(0) @binding(1) var<storage, read> b: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4u>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.vectors) { return; }
  var p: vec4u;
  if (A_FORM == 0u) { p = a[i]; } else if (A_FORM == 1u) { p = vec4u(a[0].x); } else { p = a[i % params.a_period]; }
  var q: vec4u;
  if (B_FORM == 0u) { q = b[i]; } else if (B_FORM == 1u) { q = vec4u(b[0].x); } else { q = b[i % params.b_period]; }
  y[i] = vec4u(apply_bits(p.x, q.x), apply_bits(p.y, q.y), apply_bits(p.z, q.z), apply_bits(p.w, q.w));
}
