// Cuts the centre out of each image and normalises it: one invocation computes one pixel.
// x: [n, h, w, CHANNELS]; y: [n, oh, ow, 3]. Gray images get three equal channels; outside an image lies 0.
#import index

const WG_SIZE: u32 = 64u;
const CHANNELS: u32 = 3u;

struct Params {
  mean: vec4f, inverse_std: vec4f,
  n: u32, h: u32, w: u32, oh: u32, ow: u32,
  top: i32, left: i32, // of the crop in the image; below 0 where the image is the smaller
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let pixel = flat_index(global_id, workgroups, WG_SIZE);
  let row = pixel / params.ow;
  let image = row / params.oh;
  if (image >= params.n) { return; }
  let r = i32(row - image * params.oh) + params.top;
  let c = i32(pixel - row * params.ow) + params.left;
  var p = vec3f(0.0);
  if (r >= 0 && c >= 0 && r < i32(params.h) && c < i32(params.w)) {
    let at = CHANNELS * ((image * params.h + u32(r)) * params.w + u32(c));
    if (CHANNELS == 1u) { p = vec3f(x[at]); } else { p = vec3f(x[at], x[at + 1u], x[at + 2u]); }
  }
  p = (p - params.mean.xyz) * params.inverse_std.xyz;
  y[3u * pixel] = p.x;
  y[3u * pixel + 1u] = p.y;
  y[3u * pixel + 2u] = p.z;
}
