// Batch normalisation for any number of channels, x: [rows, c]; see batch_norm_apply.wgsl for the formula.
// stats: one invocation gives mean and biased variance of one channel, in two passes over its rows.
// apply: one invocation computes one element of y.
#import index

const WG_SIZE: u32 = 64u;
const RELU: bool = false;
const RESIDUAL: bool = false; // without one, binding 1 is x again and is not read

struct Params { rows: u32, channels: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> residual: array<f32>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read> bias: array<f32>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> variance: array<f32>;
@group(0) @binding(6) var<storage, read_write> y: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn stats(@builtin(global_invocation_id) global_id: vec3u) {
  let channel = global_id.x;
  if (channel >= params.channels) { return; }
  var sum = 0.0;
  let shift = f32(x[channel]);
  for (var row = 0u; row < params.rows; row++) { sum += f32(x[row * params.channels + channel]) - shift; }
  let m = shift + sum / f32(params.rows);
  var squares = 0.0;
  for (var row = 0u; row < params.rows; row++) {
    let d = f32(x[row * params.channels + channel]) - m;
    squares += d * d;
  }
  mean[channel] = m;
  variance[channel] = squares / f32(params.rows);
}

@compute @workgroup_size(WG_SIZE)
fn apply(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.rows * params.channels) { return; }
  let channel = i % params.channels;
  var v = (f32(x[i]) - mean[channel]) / sqrt(variance[channel] + params.epsilon) * scale[channel] + bias[channel];
  if (RESIDUAL) { v += f32(residual[i]); }
  if (RELU) { v = select(v, 0.0, v < 0.0); } // not max, which would turn NaN into 0
  y[i] = v;
}
