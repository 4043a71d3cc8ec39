// Exponential moving average: average = rate * average + (1 - rate) * value, while the run is healthy.
// One invocation updates one vec4.
#import index
#import guard

const WG_SIZE: u32 = 256u;

struct Params { vectors: u32 }

@group(0) @binding(0) var<storage, read> rate: array<f32>;
@group(0) @binding(1) var<storage, read> loss: array<f32>;
@group(0) @binding(2) var<storage, read> health: array<u32>;
@group(0) @binding(3) var<storage, read_write> average: array<vec4f>;
@group(0) @binding(4) var<storage, read> value: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.vectors || !healthy(health[0], loss[0])) { return; }
  average[i] = rate[0] * average[i] + (1.0 - rate[0]) * value[i];
}
