// A step of SGD (shared/sgd_rule.wgsl) while the run is healthy. One invocation updates one vec4 of a parameter and its
// momentum.
#import index
#import guard
#import sgd_rule

const WG_SIZE: u32 = 256u;
// Whether gradients are multiplied by factor[0].
const SCALED: bool = false;

struct Params { vectors: u32, momentum: f32, weight_decay: f32 }

@group(0) @binding(0) var<storage, read> lr: array<f32>;
@group(0) @binding(1) var<storage, read> loss: array<f32>;
@group(0) @binding(2) var<storage, read> health: array<u32>;
@group(0) @binding(3) var<storage, read> factor: array<f32>;
@group(0) @binding(4) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(5) var<storage, read_write> buf: array<vec4f>;
@group(0) @binding(6) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.vectors || !healthy(health[0], loss[0])) { return; }
  var d = gradient[i];
  if (SCALED) { d *= factor[0]; }
  let next = sgd(p[i], buf[i], d, lr[0], params.momentum, params.weight_decay);
  p[i] = next.p;
  buf[i] = next.buf;
}
