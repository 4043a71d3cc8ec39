// Copies one input into its place in the joined tensor, both as [outer, run]: one invocation moves one element.
#import index

const WG_SIZE: u32 = 256u;

struct Params { count: u32, run: u32, out_run: u32, start: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i < params.count) { y[i / params.run * params.out_run + params.start + i % params.run] = x[i]; }
}
