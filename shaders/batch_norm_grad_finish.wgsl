// Adds the slabs of batch_norm_grad_sums.wgsl in order: one invocation gives dbias = sum g and
// dscale = sum g * (x - mean) / sqrt(variance + epsilon) of one vec4 of channels.
#import rows

const WG_SIZE: u32 = 16u;

struct Params { vectors: u32, slabs: u32, epsilon: f32 }

@group(0) @binding(0) var parts: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read> variance: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dscale: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dbias: array<vec4f>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u) {
  let channel = global_id.x;
  if (channel >= params.vectors) { return; }
  var sum = vec4f();
  var products = vec4f();
  for (var slab = 0u; slab < params.slabs; slab++) {
    let at = slab * 2u * params.vectors + channel;
    sum += textureLoad(parts, texel_at(at));
    products += textureLoad(parts, texel_at(at + params.vectors));
  }
  dbias[channel] = sum;
  dscale[channel] = products / sqrt(variance[channel] + params.epsilon);
}
