// Offsets from boxes to targets [rows] (x1, y1, x2, y2), as detectors learn them: the move of the centre in units of the
// box's size, and the logarithms of the factors of its size, each times its weight. Boxes repeat: row i is of box
// i % boxes. One invocation computes one row.
#import index

const WG_SIZE: u32 = 64u;

struct Params { rows: u32, boxes: u32, weights: vec4f }

@group(0) @binding(0) var<storage, read> boxes: array<vec4f>;
@group(0) @binding(1) var<storage, read> targets: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> deltas: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.rows) { return; }
  let box = boxes[i % params.boxes];
  let aim = targets[i];
  let size = box.zw - box.xy;
  let aim_size = aim.zw - aim.xy;
  let moved = (aim.xy + 0.5 * aim_size - (box.xy + 0.5 * size)) / size;
  deltas[i] = params.weights * vec4f(moved, log(aim_size / size));
}
