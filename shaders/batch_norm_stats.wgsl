// Mean and biased variance of each channel of x: [rows, c], c a multiple of 4, by the pairwise form of Welford's sums
// (Chan, Golub and LeVeque 1983), which does not cancel where the mean is far from zero.
// slabs: one invocation takes one vec4 of channels over `slab` rows: mean and sum of squared deviations.
// parts: [slabs, 2, c].
#import index
#import rows

const WG_SIZE: u32 = 16u;

struct Params { rows: u32, vectors: u32, slab: u32, slabs: u32 }

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read_write> parts: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  let slab = i / params.vectors;
  if (slab >= params.slabs) { return; }
  let channel = i % params.vectors;
  let first = slab * params.slab;
  let end = min(first + params.slab, params.rows);
  // Deviations from the slab's first row: a shift changes no variance.
  let shift = textureLoad(x, texel_at(first * params.vectors + channel));
  var sum = vec4f();
  var squares = vec4f();
  for (var row = first; row < end; row++) {
    let d = textureLoad(x, texel_at(row * params.vectors + channel)) - shift;
    sum += d;
    squares += d * d;
  }
  let n = f32(end - first);
  let at = slab * 2u * params.vectors + channel;
  parts[at] = shift + sum / n;
  parts[at + params.vectors] = max(squares - sum * sum / n, vec4f());
}
