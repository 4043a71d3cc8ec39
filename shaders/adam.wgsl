// One step of Adam as torch.optim.Adam does it: m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g^2;
// p -= rates[0] m / (rates[1] sqrt(v) + eps), the bias corrections in the rates.
// One invocation updates one vec4 of a parameter and its moments.
#import index
#import guard

const WG_SIZE: u32 = 256u;

struct Params { vectors: u32, beta1: f32, rest1: f32, beta2: f32, rest2: f32, eps: f32 }

@group(0) @binding(0) var<storage, read_write> p: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(3) var<storage, read> gradient: array<vec4f>;
@group(0) @binding(4) var<storage, read> rates: array<f32>;
@group(0) @binding(5) var<storage, read> loss: array<f32>;
@group(0) @binding(6) var<storage, read> health: array<u32>;
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.vectors || !healthy(health[0], loss[0])) { return; }
  let g = gradient[i];
  let mean = params.beta1 * m[i] + params.rest1 * g;
  let square = params.beta2 * v[i] + params.rest2 * g * g;
  m[i] = mean;
  v[i] = square;
  p[i] -= rates[0] * mean / (rates[1] * sqrt(square) + params.eps);
}
