// Gradient of resize.wgsl, dy: [n, oh, ow, c] to dx: [n, h, w, c]: one invocation adds up, for one element of dx, what
// the output pixels near it took of it.
#import index
#import resize_map

const WG_SIZE: u32 = 256u;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

// Output pixels that may read input pixel i: those within 2 input pixels of it under any way to place pixels.
fn first(i: i32, scale: f32) -> i32 {
  return max(i32(floor(f32(i - 2) * scale)) - 1, 0);
}

fn last(i: i32, out: i32, scale: f32) -> i32 {
  return min(i32(ceil(f32(i + 3) * scale)) + 1, out - 1);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  if (i >= params.n * params.h * params.w * params.c) { return; }
  let c = i % params.c;
  let pixel = i / params.c;
  let w = pixel % params.w;
  let h = pixel / params.w % params.h;
  let n = pixel / (params.w * params.h);
  // align_corners maps by (out - 1) / (size - 1), which may exceed the scale by much for few pixels.
  let scale_h = max(params.scale_h, select(0.0, f32(params.oh - 1) / f32(max(params.h - 1, 1)), COORDINATES == 2u));
  let scale_w = max(params.scale_w, select(0.0, f32(params.ow - 1) / f32(max(params.w - 1, 1)), COORDINATES == 2u));
  let end_h = select(last(h, params.oh, scale_h), params.oh - 1, h == params.h - 1);
  let end_w = select(last(w, params.ow, scale_w), params.ow - 1, w == params.w - 1);
  var sum = 0.0;
  for (var oh = first(h, min(params.scale_h, scale_h)); oh <= end_h; oh++) {
    let weight_h = weight(oh, h, params.h, params.oh, params.scale_h);
    if (weight_h == 0.0) { continue; }
    for (var ow = first(w, min(params.scale_w, scale_w)); ow <= end_w; ow++) {
      let weight_w = weight(ow, w, params.w, params.ow, params.scale_w);
      if (weight_w != 0.0) { sum += weight_h * weight_w * dy[((n * params.oh + oh) * params.ow + ow) * params.c + c]; }
    }
  }
  dx[i] = sum;
}
