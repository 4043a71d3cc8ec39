// Softmax of the rows of x: [rows, 4 * vectors], or its logarithm. One invocation computes one row, in three passes
// (largest value, sum of powers, result): for adapters on which a barrier costs more than a pass.
#import index
#import rows

const WG_SIZE: u32 = 16u;
const LOG: bool = false;

struct Params { rows: u32, vectors: u32 }

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let row = flat_index(global_id, workgroups, WG_SIZE);
  if (row >= params.rows) { return; }
  let base = row * params.vectors;
  var largest = vec4f(-3.4028234e38);
  for (var j = 0u; j < params.vectors; j++) { largest = max(largest, textureLoad(x, texel_at(base + j))); }
  let top = max(max(largest.x, largest.y), max(largest.z, largest.w));
  var sums = vec4f();
  for (var j = 0u; j < params.vectors; j++) { sums += exp(textureLoad(x, texel_at(base + j)) - top); }
  let total = sums.x + sums.y + sums.z + sums.w;
  let log_total = log(total);
  let rate = 1.0 / total;
  for (var j = 0u; j < params.vectors; j++) {
    let v = textureLoad(x, texel_at(base + j)) - top;
    if (LOG) { y[base + j] = v - log_total; } else { y[base + j] = exp(v) * rate; }
  }
}
