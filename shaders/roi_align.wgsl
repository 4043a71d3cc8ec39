// Means of samples of feature maps x: [n, h, w, c] over a grid of bins in each region: torchvision.ops.roi_align.
// rois: [rois] (x1, y1, x2, y2) in image pixels; images: [rois] the number of each one's map. One invocation computes one
// element of y: [rois, ph, pw, c].
#import index
#import roi_align_map

const WG_SIZE: u32 = 64u;
const ALIGNED: bool = true;

struct Params { rois: u32, h: i32, w: i32, c: u32, ph: u32, pw: u32, sampling: u32, scale: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> rois: array<vec4f>;
@group(0) @binding(2) var<storage, read> images: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.rois * params.ph * params.pw * params.c) { return; }
  let channel = i % params.c;
  let bin = i / params.c;
  let bx = i32(bin % params.pw);
  let by = i32(bin / params.pw % params.ph);
  let r = bin / (params.pw * params.ph);
  let roi = rois[r];
  let ys = roi_axis(roi.y, roi.w, params.scale, params.ph, params.sampling, ALIGNED);
  let xs = roi_axis(roi.x, roi.z, params.scale, params.pw, params.sampling, ALIGNED);
  let map = images[r] * params.h;
  var sum = 0.0;
  for (var ky = 0; ky < ys.grid; ky++) {
    let ty = roi_taps(roi_place(ys, by, ky), params.h);
    if (!ty.inside) { continue; }
    let top = u32((map + ty.low) * params.w);
    let bottom = u32((map + ty.high) * params.w);
    for (var kx = 0; kx < xs.grid; kx++) {
      let tx = roi_taps(roi_place(xs, bx, kx), params.w);
      if (!tx.inside) { continue; }
      let left = u32(tx.low);
      let right = u32(tx.high);
      let above = mix(x[(top + left) * params.c + channel], x[(top + right) * params.c + channel], tx.share);
      let below = mix(x[(bottom + left) * params.c + channel], x[(bottom + right) * params.c + channel], tx.share);
      sum += mix(above, below, ty.share);
    }
  }
  y[i] = sum / f32(max(ys.grid * xs.grid, 1));
}
