// Gradient of roi_align.wgsl, dy: [rois, ph, pw, vectors] to dx: [n, h, w, vectors], with the weights and ranges of
// roi_align_weights.wgsl. One invocation adds what the regions from `first` to `end` took from four channels of a pixel
// to dx; those from 0 on begin it. No two invocations write to one place.
#import index

const WG_SIZE: u32 = 64u;

struct Params { n: u32, h: u32, w: u32, vectors: u32, ph: u32, pw: u32, first: u32, end: u32 }

@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> images: array<i32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read> ranges: array<u32>;
@group(0) @binding(4) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  let pixels = params.h * params.w;
  if (i >= params.n * pixels * params.vectors) { return; }
  let v = i % params.vectors;
  let pixel = i / params.vectors % pixels;
  let image = i32(i / (params.vectors * pixels));
  let row = pixel / params.w;
  let column = params.h + pixel % params.w;
  let lines = params.h + params.w;
  let stride = max(params.ph, params.pw);
  var sum = vec4f();
  if (params.first > 0u) { sum = dx[i]; }
  for (var r = params.first; r < params.end; r++) {
    if (images[r] != image) { continue; }
    let ys = ranges[r * lines + row];
    let xs = ranges[r * lines + column];
    if (ys == 0u || xs == 0u) { continue; }
    let y0 = ys & 0xffffu;
    let x0 = xs & 0xffffu;
    for (var by = y0; by < y0 + (ys >> 16u); by++) {
      let wy = weights[(r * lines + row) * stride + by];
      for (var bx = x0; bx < x0 + (xs >> 16u); bx++) {
        let weight = wy * weights[(r * lines + column) * stride + bx];
        sum += weight * dy[((r * params.ph + by) * params.pw + bx) * params.vectors + v];
      }
    }
  }
  dx[i] = sum;
}
