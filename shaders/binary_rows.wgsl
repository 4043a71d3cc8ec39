// Element-wise functions of two tensors of which one is repeated, over y: [d0, d1, rows, vectors] vec4: one invocation
// computes one vec4 of up to ROWS rows, so that an operand which is the same in all of them is loaded once.
// An operand is read by whole vec4 (its strides count vec4) or is one value along the last dimension (elements).
#import index
#import nan
#import binary_functions

const WG_SIZE: u32 = 64u;
const ROWS: u32 = 8u;
const A_VECTOR: bool = true;
const B_VECTOR: bool = true;
const A_FIXED: bool = false; // whether the stride of rows is 0
const B_FIXED: bool = false;

struct Params { d0: u32, d1: u32, rows: u32, vectors: u32, a_strides: vec4u, b_strides: vec4u }

@group(0) @binding(0) var<storage, read> a: array<vec4u>;
@group(0) @binding(1) var<storage, read> b: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4u>;
@group(0) @binding(3) var<uniform> params: Params;

fn load_a(at: u32) -> vec4u {
  if (A_VECTOR) { return a[at]; }
  return vec4u(a[at >> 2u][at & 3u]);
}

fn load_b(at: u32) -> vec4u {
  if (B_VECTOR) { return b[at]; }
  return vec4u(b[at >> 2u][at & 3u]);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  let runs = (params.rows + ROWS - 1u) / ROWS;
  let run = i / params.vectors;
  let slab = run / runs;
  let block = slab / params.d1;
  if (block >= params.d0) { return; }
  let first = (run - slab * runs) * ROWS;
  let at = vec4u(block, slab - block * params.d1, first, i - run * params.vectors);
  let a_steps = at * params.a_strides;
  let b_steps = at * params.b_strides;
  var p_at = a_steps.x + a_steps.y + a_steps.z + a_steps.w;
  var q_at = b_steps.x + b_steps.y + b_steps.z + b_steps.w;
  var p = load_a(p_at);
  var q = load_b(q_at);
  let end = min(first + ROWS, params.rows);
  for (var row = first; row < end; row++) {
    if (!A_FIXED) { p = load_a(p_at); }
    if (!B_FIXED) { q = load_b(q_at); }
    y[(slab * params.rows + row) * params.vectors + at.w] =
      vec4u(apply_bits(p.x, q.x), apply_bits(p.y, q.y), apply_bits(p.z, q.z), apply_bits(p.w, q.w));
    p_at += params.a_strides.z;
    q_at += params.b_strides.z;
  }
}
