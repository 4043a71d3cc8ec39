// Mean of each window; GRADIENT: its transpose, one element of dx from the windows over it.
// x and y are the input and output of the pass: images and means, or the means' gradient and the images'.
#import index
#import pool_params

const WG_SIZE: u32 = 64u;
const GRADIENT: bool = false;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

// Elements that the window of an output pixel divides by.
fn elements(oh: i32, ow: i32) -> f32 {
  let top = oh * params.stride_h - params.pad_h;
  let left = ow * params.stride_w - params.pad_w;
  var rows = 0;
  for (var kh = 0; kh < params.kh; kh++) {
    let h = top + kh * params.dilation_h;
    let inside = select(h >= 0 && h < params.h, h < params.padded_h - params.pad_h, params.include_pad == 1);
    rows += select(0, 1, inside);
  }
  var columns = 0;
  for (var kw = 0; kw < params.kw; kw++) {
    let w = left + kw * params.dilation_w;
    let inside = select(w >= 0 && w < params.w, w < params.padded_w - params.pad_w, params.include_pad == 1);
    columns += select(0, 1, inside);
  }
  return f32(max(rows * columns, 1));
}

fn mean_of(i: i32) -> f32 {
  let c = i % params.c;
  let pixel = i / params.c;
  let ow = pixel % params.ow;
  let oh = pixel / params.ow % params.oh;
  let n = pixel / (params.ow * params.oh);
  var sum = 0.0;
  for (var kh = 0; kh < params.kh; kh++) {
    let h = oh * params.stride_h - params.pad_h + kh * params.dilation_h;
    if (h < 0 || h >= params.h) { continue; }
    for (var kw = 0; kw < params.kw; kw++) {
      let w = ow * params.stride_w - params.pad_w + kw * params.dilation_w;
      if (w < 0 || w >= params.w) { continue; }
      sum += x[((n * params.h + h) * params.w + w) * params.c + c];
    }
  }
  return sum / elements(oh, ow);
}

fn gradient_of(i: i32) -> f32 {
  let c = i % params.c;
  let pixel = i / params.c;
  let w = pixel % params.w;
  let h = pixel / params.w % params.h;
  let n = pixel / (params.w * params.h);
  var sum = 0.0;
  for (var kh = 0; kh < params.kh; kh++) {
    let top = h + params.pad_h - kh * params.dilation_h;
    if (top < 0 || top % params.stride_h != 0 || top / params.stride_h >= params.oh) { continue; }
    for (var kw = 0; kw < params.kw; kw++) {
      let left = w + params.pad_w - kw * params.dilation_w;
      if (left < 0 || left % params.stride_w != 0 || left / params.stride_w >= params.ow) { continue; }
      let oh = top / params.stride_h;
      let ow = left / params.stride_w;
      sum += x[((n * params.oh + oh) * params.ow + ow) * params.c + c] / elements(oh, ow);
    }
  }
  return sum;
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  if (GRADIENT) {
    if (i < params.n * params.h * params.w * params.c) { y[i] = gradient_of(i); }
  } else {
    if (i < params.n * params.oh * params.ow * params.c) { y[i] = mean_of(i); }
  }
}
