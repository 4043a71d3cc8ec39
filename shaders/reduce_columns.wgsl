// Reduction over the leading axes, x: [rows, columns] to y: [columns], columns a multiple of 4.
// slabs: one invocation folds one vec4 of columns over SLAB rows, into parts: [slabs, columns].
// finish: one invocation folds the slabs of one vec4 of columns in order.
#import index
#import nan
#import reduce_functions

const WG_SIZE: u32 = 16u;

struct Params { rows: u32, vectors: u32, slab: u32, slabs: u32, scale: f32 }

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

fn load(i: u32) -> vec4f {
  return textureLoad(x, vec2u(i & 4095u, i >> 12u));
}

@compute @workgroup_size(WG_SIZE)
fn slabs(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  let slab = i / params.vectors;
  if (slab >= params.slabs) { return; }
  let column = i % params.vectors;
  let first = slab * params.slab;
  let end = min(first + params.slab, params.rows);
  var total = vec4f(neutral());
  for (var row = first; row < end; row++) {
    total = fold(total, term(load(row * params.vectors + column)));
  }
  y[i] = total;
}

@compute @workgroup_size(WG_SIZE)
fn finish(@builtin(global_invocation_id) global_id: vec3u) {
  let column = global_id.x;
  if (column >= params.vectors) { return; }
  var total = vec4f(neutral());
  for (var slab = 0u; slab < params.slabs; slab++) {
    let part = load(slab * params.vectors + column);
    total = fold(total, part);
  }
  y[column] = total * params.scale;
}
