// dx = scale * r * (g - dbias / n - xhat * dscale / n), r = 1 / sqrt(variance + epsilon), xhat = (x - mean) * r,
// n = rows; g as in batch_norm_grad_sums.wgsl, and also written out where a residual was added (its gradient).
// With fixed statistics (TRAINING false) dx = scale * r * g. One invocation: one vec4 of channels of ROWS rows.
#import index
#import rows

const WG_SIZE: u32 = 64u;
const ROWS: u32 = 8u;
const MASK: u32 = 0u; // as in batch_norm_grad_sums.wgsl
const RESIDUAL: bool = false;
const TRAINING: bool = true;

struct Params { rows: u32, vectors: u32, epsilon: f32 }

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var y: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> mean: array<vec4f>;
@group(0) @binding(4) var<storage, read> variance: array<vec4f>;
@group(0) @binding(5) var<storage, read> scale: array<vec4f>;
@group(0) @binding(6) var<storage, read> bias: array<vec4f>;
@group(0) @binding(7) var<storage, read> dscale: array<vec4f>;
@group(0) @binding(8) var<storage, read> dbias: array<vec4f>;
@group(0) @binding(9) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(10) var<storage, read_write> dresidual: array<vec4f>; // scratch of one vec4 without a residual
@group(0) @binding(11) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  let channel = i % params.vectors;
  let first = i / params.vectors * ROWS;
  if (first >= params.rows) { return; }
  let r = inverseSqrt(variance[channel] + params.epsilon);
  let n = f32(params.rows);
  let factor = scale[channel] * r;
  let passes = scale[channel] / sqrt(variance[channel] + params.epsilon); // as the normalisation has it
  let b = bias[channel];
  let m = mean[channel];
  let slope = dscale[channel] * r / n;
  let offset = dbias[channel] / n;
  let end = min(first + ROWS, params.rows);
  for (var row = first; row < end; row++) {
    let at = row * params.vectors + channel;
    var g = textureLoad(dy, texel_at(at));
    var centred = vec4f();
    if (TRAINING || MASK == 2u) { centred = textureLoad(x, texel_at(at)) - m; }
    if (MASK == 1u) { g = select(vec4f(), g, textureLoad(y, texel_at(at)) > vec4f()); }
    if (MASK == 2u) { g = select(vec4f(), g, centred * passes + b > vec4f()); }
    if (RESIDUAL) { dresidual[at] = g; }
    if (TRAINING) { g -= offset + centred * slope; }
    dx[at] = g * factor;
  }
}
