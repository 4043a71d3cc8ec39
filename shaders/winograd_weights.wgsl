// The points G w G^T of weights [3 * 3, vectors] (see winograd.wgsl): one invocation takes one vec4, at every tap.
// With FLIP the taps are taken in reverse, as the gradient to the input needs them. points: [6 * 6, vectors].
#import index
#import rows
#import winograd

const WG_SIZE: u32 = 64u;
const FLIP: bool = false;

struct Params { vectors: u32 }

@group(0) @binding(0) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read_write> points: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

fn load(tap: u32, i: u32) -> vec4f {
  return textureLoad(w, texel_at(select(tap, 8u - tap, FLIP) * params.vectors + i));
}

fn load_row(row: u32, i: u32) -> Six {
  return weight_points(Three(load(3u * row, i), load(3u * row + 1u, i), load(3u * row + 2u, i)));
}

// Column `column` of the 6 x 6 points.
fn store_points(i: u32, column: u32, v: Six) {
  let at = i + column * params.vectors;
  let row = 6u * params.vectors;
  points[at] = v.v0;
  points[at + row] = v.v1;
  points[at + 2u * row] = v.v2;
  points[at + 3u * row] = v.v3;
  points[at + 4u * row] = v.v4;
  points[at + 5u * row] = v.v5;
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.vectors) { return; }
  let w0 = load_row(0u, i);
  let w1 = load_row(1u, i);
  let w2 = load_row(2u, i);
  store_points(i, 0u, weight_points(Three(w0.v0, w1.v0, w2.v0)));
  store_points(i, 1u, weight_points(Three(w0.v1, w1.v1, w2.v1)));
  store_points(i, 2u, weight_points(Three(w0.v2, w1.v2, w2.v2)));
  store_points(i, 3u, weight_points(Three(w0.v3, w1.v3, w2.v3)));
  store_points(i, 4u, weight_points(Three(w0.v4, w1.v4, w2.v4)));
  store_points(i, 5u, weight_points(Three(w0.v5, w1.v5, w2.v5)));
}
