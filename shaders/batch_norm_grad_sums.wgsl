// Sums over the rows of g and of g * (x - mean), g = dy where the ReLU behind the normalisation, if any, let values pass;
// x, y, dy: [rows, c].
// One invocation takes one vec4 of channels over `slab` rows; parts: [slabs, 2, c].
#import index
#import rows

const WG_SIZE: u32 = 16u;
const MASK: u32 = 0u; // g is 0: dy; 1: dy where y > 0; 2: dy where the normalised x is. Only 1 reads binding 2

struct Params { rows: u32, vectors: u32, slab: u32, slabs: u32, epsilon: f32 }

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var y: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> mean: array<vec4f>;
@group(0) @binding(4) var<storage, read> variance: array<vec4f>;
@group(0) @binding(5) var<storage, read> scale: array<vec4f>;
@group(0) @binding(6) var<storage, read> bias: array<vec4f>;
@group(0) @binding(7) var<storage, read_write> parts: array<vec4f>;
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  let slab = i / params.vectors;
  if (slab >= params.slabs) { return; }
  let channel = i % params.vectors;
  let first = slab * params.slab;
  let end = min(first + params.slab, params.rows);
  let m = mean[channel];
  let factor = scale[channel] / sqrt(variance[channel] + params.epsilon);
  let b = bias[channel];
  var sum = vec4f();
  var products = vec4f();
  for (var row = first; row < end; row++) {
    let at = texel_at(row * params.vectors + channel);
    let centred = textureLoad(x, at) - m;
    var g = textureLoad(dy, at);
    if (MASK == 1u) { g = select(vec4f(), g, textureLoad(y, at) > vec4f()); }
    if (MASK == 2u) { g = select(vec4f(), g, centred * factor + b > vec4f()); }
    sum += g;
    products += g * centred;
  }
  let at = slab * 2u * params.vectors + channel;
  parts[at] = sum;
  parts[at + params.vectors] = products;
}
