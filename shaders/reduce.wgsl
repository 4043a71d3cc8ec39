// Reduction over any axes: one invocation computes one element of y. Blocks of 64 terms are folded on their own
// before they join the result, so that the rounding error of a long sum grows with its square root at most.
#import index
#import nan
#import reduce_functions
#import reduce_walk

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.count) { return; }
  let base = kept_offset(i);
  var total = neutral();
  for (var start = 0u; start < params.terms; start += 64u) {
    var block = neutral();
    let end = min(start + 64u, params.terms);
    for (var j = start; j < end; j++) {
      block = fold1(block, term(vec4f(x[base + reduced_offset(j)])).x);
    }
    total = fold1(total, block);
  }
  y[i] = total * params.scale;
}
