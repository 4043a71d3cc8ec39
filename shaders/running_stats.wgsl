// Running statistics of batch normalisation: r += momentum * (batch - r), the batch's variance taken unbiased.
// One invocation updates mean and variance of one channel.
#import guard

const WG_SIZE: u32 = 64u;

struct Params { channels: u32, momentum: f32, unbiased: f32 } // unbiased: n / (n - 1)

@group(0) @binding(0) var<storage, read> loss: array<f32>;
@group(0) @binding(1) var<storage, read> health: array<u32>;
@group(0) @binding(2) var<storage, read_write> running_mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> running_var: array<f32>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> variance: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u) {
  let i = global_id.x;
  if (i >= params.channels || !healthy(health[0], loss[0])) { return; }
  running_mean[i] += params.momentum * (mean[i] - running_mean[i]);
  running_var[i] += params.momentum * (variance[i] * params.unbiased - running_var[i]);
}
