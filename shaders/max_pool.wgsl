// Largest value of each window, and where it lies (row * w + column in its image). Of equal ones the first in
// row-major order counts; NaN is passed on. One invocation computes one element of y: [n, oh, ow, c].
#import index
#import pool_params

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> places: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  if (i >= params.n * params.oh * params.ow * params.c) { return; }
  let c = i % params.c;
  let pixel = i / params.c;
  let ow = pixel % params.ow;
  let oh = pixel / params.ow % params.oh;
  let n = pixel / (params.ow * params.oh);
  var best = -3.4028234e38;
  var place = -1;
  for (var kh = 0; kh < params.kh; kh++) {
    let h = oh * params.stride_h - params.pad_h + kh * params.dilation_h;
    if (h < 0 || h >= params.h) { continue; }
    for (var kw = 0; kw < params.kw; kw++) {
      let w = ow * params.stride_w - params.pad_w + kw * params.dilation_w;
      if (w < 0 || w >= params.w) { continue; }
      let v = x[((n * params.h + h) * params.w + w) * params.c + c];
      if (place < 0 || v > best || v != v) {
        best = v;
        place = h * params.w + w;
      }
    }
  }
  y[i] = best;
  places[i] = place;
}
