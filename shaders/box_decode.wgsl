// Boxes (x1, y1, x2, y2) from offsets, the inverse of box_encode.wgsl; sizes grow by e^clip at most. Each box has `each`
// offsets, and boxes repeat: row i is of box i / each % boxes. One invocation computes one row.
#import index

const WG_SIZE: u32 = 64u;

struct Params { rows: u32, boxes: u32, each: u32, clip: f32, weights: vec4f }

@group(0) @binding(0) var<storage, read> boxes: array<vec4f>;
@group(0) @binding(1) var<storage, read> deltas: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.rows) { return; }
  let box = boxes[i / params.each % params.boxes];
  let delta = deltas[i] / params.weights;
  let size = box.zw - box.xy;
  let center = box.xy + 0.5 * size + delta.xy * size;
  let half = 0.5 * size * exp(min(delta.zw, vec2f(params.clip)));
  y[i] = vec4f(center - half, center + half);
}
