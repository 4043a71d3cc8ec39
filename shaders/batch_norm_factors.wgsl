// Batch normalisation by given statistics as x * factor + shift: one invocation computes both of one channel.
const WG_SIZE: u32 = 64u;

struct Params { channels: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> scale: array<f32>;
@group(0) @binding(1) var<storage, read> bias: array<f32>;
@group(0) @binding(2) var<storage, read> mean: array<f32>;
@group(0) @binding(3) var<storage, read> variance: array<f32>;
@group(0) @binding(4) var<storage, read_write> factor: array<f32>;
@group(0) @binding(5) var<storage, read_write> shift: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u) {
  let c = global_id.x;
  if (c >= params.channels) { return; }
  let f = scale[c] / sqrt(variance[c] + params.epsilon);
  factor[c] = f;
  shift[c] = bias[c] - mean[c] * f;
}
