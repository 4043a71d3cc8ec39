// y = (x - mean) / sqrt(variance + epsilon) * scale + bias [+ residual] [then ReLU], x, residual, y: [rows, c].
// One invocation computes one vec4 of channels of up to ROWS rows, so that the per-channel values load once.
#import index
#import rows

const WG_SIZE: u32 = 64u;
const ROWS: u32 = 8u;
const RELU: bool = false;
const RESIDUAL: bool = false; // without one, binding 1 is x again and is not read

struct Params { rows: u32, vectors: u32, epsilon: f32 }

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var residual: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read> mean: array<vec4f>;
@group(0) @binding(3) var<storage, read> variance: array<vec4f>;
@group(0) @binding(4) var<storage, read> scale: array<vec4f>;
@group(0) @binding(5) var<storage, read> bias: array<vec4f>;
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(7) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  let channel = i % params.vectors;
  let first = i / params.vectors * ROWS;
  if (first >= params.rows) { return; }
  let factor = scale[channel] / sqrt(variance[channel] + params.epsilon);
  let m = mean[channel];
  let b = bias[channel];
  let end = min(first + ROWS, params.rows);
  for (var row = first; row < end; row++) {
    let at = row * params.vectors + channel;
    var v = (textureLoad(x, texel_at(at)) - m) * factor + b;
    if (RESIDUAL) { v += textureLoad(residual, texel_at(at)); }
    if (RELU) { v = select(v, vec4f(), v < vec4f()); } // not max, which would turn NaN into 0
    y[at] = v;
  }
}
