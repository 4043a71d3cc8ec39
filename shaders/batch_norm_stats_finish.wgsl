// Joins the slabs of batch_norm_stats.wgsl: one invocation gives mean and biased variance of one vec4 of channels.
#import rows

const WG_SIZE: u32 = 16u;

struct Params { rows: u32, vectors: u32, slab: u32, slabs: u32 }

@group(0) @binding(0) var parts: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read_write> mean: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> variance: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u) {
  let channel = global_id.x;
  if (channel >= params.vectors) { return; }
  var m = vec4f();
  var s = vec4f(); // sum of squared deviations
  var n = 0.0;
  for (var slab = 0u; slab < params.slabs; slab++) {
    let at = slab * 2u * params.vectors + channel;
    let count = f32(min(params.slab, params.rows - slab * params.slab));
    let delta = textureLoad(parts, texel_at(at)) - m;
    let total = n + count;
    m += delta * (count / total);
    s += textureLoad(parts, texel_at(at + params.vectors)) + delta * delta * (n * count / total);
    n = total;
  }
  mean[channel] = m;
  variance[channel] = s / n;
}
