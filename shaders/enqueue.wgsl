// Overwrites the oldest rows of a ring while the run is healthy. queue: [slots * rows, d]; x: [rows, d]; step s fills
// slot s mod slots, so that where to write needs no state. rng[2] is the step. One invocation copies one element.
#import index
#import guard

const WG_SIZE: u32 = 256u;

struct Params { count: u32, slots: u32 } // count: rows * d

@group(0) @binding(0) var<storage, read_write> queue: array<f32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> rng: array<u32>;
@group(0) @binding(3) var<storage, read> loss: array<f32>;
@group(0) @binding(4) var<storage, read> health: array<u32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.count || !healthy(health[0], loss[0])) { return; }
  queue[(rng[2] % params.slots) * params.count + i] = x[i];
}
