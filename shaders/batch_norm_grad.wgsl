// Gradient of batch normalisation for any number of channels; see batch_norm_grad_apply.wgsl for the formula.
// sums: one invocation gives dscale and dbias of one channel. apply: one invocation gives one element of dx.
#import index

const WG_SIZE: u32 = 64u;
const MASK: u32 = 0u; // as in batch_norm_grad_sums.wgsl
const RESIDUAL: bool = false;
const TRAINING: bool = true;

struct Params { rows: u32, channels: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read> scale: array<f32>;
@group(0) @binding(6) var<storage, read> bias: array<f32>;
@group(0) @binding(7) var<storage, read_write> dscale: array<f32>;
@group(0) @binding(8) var<storage, read_write> dbias: array<f32>;
@group(0) @binding(9) var<storage, read_write> dx: array<f32>;
@group(0) @binding(10) var<storage, read_write> dresidual: array<f32>; // scratch without a residual
@group(0) @binding(11) var<uniform> params: Params;

fn masked(i: u32, channel: u32) -> f32 {
  if (MASK == 1u) { return select(0.0, dy[i], f32(y[i]) > 0.0); }
  if (MASK == 2u) {
    let centred = f32(x[i]) - mean[channel];
    let normalised = centred / sqrt(variance[channel] + params.epsilon) * scale[channel] + bias[channel];
    return select(0.0, dy[i], normalised > 0.0);
  }
  return dy[i];
}

@compute @workgroup_size(WG_SIZE)
fn sums(@builtin(global_invocation_id) global_id: vec3u) {
  let channel = global_id.x;
  if (channel >= params.channels) { return; }
  var sum = 0.0;
  var products = 0.0;
  for (var row = 0u; row < params.rows; row++) {
    let i = row * params.channels + channel;
    let g = masked(i, channel);
    sum += g;
    products += g * (f32(x[i]) - mean[channel]);
  }
  dbias[channel] = sum;
  dscale[channel] = products * inverseSqrt(variance[channel] + params.epsilon);
}

@compute @workgroup_size(WG_SIZE)
fn apply(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.rows * params.channels) { return; }
  let channel = i % params.channels;
  let r = inverseSqrt(variance[channel] + params.epsilon);
  var g = masked(i, channel);
  if (RESIDUAL) { dresidual[i] = g; }
  if (TRAINING) {
    let xhat = (f32(x[i]) - mean[channel]) * r;
    g -= (dbias[channel] + xhat * dscale[channel]) / f32(params.rows);
  }
  dx[i] = g * r * scale[channel];
}
