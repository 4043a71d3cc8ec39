// Laboratory: convolution (groups = 1) with planes instead of pixels: x [n, ci, h, w], y [n, co, oh, ow], w as
// everywhere [kh, kw, ci, co]. One invocation computes 4 neighbouring pixels of one row x 8 channels; neighbouring
// invocations take neighbouring pixels. co is a multiple of 8.
#import index
#import conv_params

const WG_SIZE: u32 = 16u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

fn load(plane: i32, h: i32, column: i32) -> f32 {
  if (h < 0 || h >= params.h || column < 0 || column >= params.w) {
    return 0.0;
  }
  return x[(plane * params.h + h) * params.w + column];
}

fn store(plane: i32, oh: i32, ow: i32, value: vec4f) {
  let size = params.oh * params.ow;
  let i = (plane * params.oh + oh) * params.ow + ow;
  if (ow < params.ow) {
    y[i] = value.x;
    y[i + size] = value.y;
    y[i + 2 * size] = value.z;
    y[i + 3 * size] = value.w;
  }
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = i32(flat_index(global_id, workgroups, WG_SIZE));
  let tiles = (params.ow + 3) / 4;
  let ow = id % tiles * 4;
  let oh = id / tiles % params.oh;
  let n = id / (tiles * params.oh) % params.n;
  let o = id / (tiles * params.oh * params.n) * 2;
  if (o >= params.co4) {
    return;
  }
  var low = mat4x4f();
  var high = mat4x4f();
  for (var ci = 0; ci < params.ci; ci++) {
    for (var kh = 0; kh < params.kh; kh++) {
      let h = oh * params.stride_h + kh * params.dilation_h - params.pad_h;
      for (var kw = 0; kw < params.kw; kw++) {
        let v = ow * params.stride_w + kw * params.dilation_w - params.pad_w;
        let plane = n * params.ci + ci;
        let row = ((kh * params.kw + kw) * params.ci + ci) * params.co4 + o;
        let pixels = vec4f(
          load(plane, h, v),
          load(plane, h, v + params.stride_w),
          load(plane, h, v + 2 * params.stride_w),
          load(plane, h, v + 3 * params.stride_w),
        );
        let w0 = w[row];
        let w1 = w[row + 1];
        low += mat4x4f(w0 * pixels.x, w0 * pixels.y, w0 * pixels.z, w0 * pixels.w);
        high += mat4x4f(w1 * pixels.x, w1 * pixels.y, w1 * pixels.z, w1 * pixels.w);
      }
    }
  }
  let plane = n * params.co + o * 4;
  store(plane, oh, ow, low[0]);
  store(plane, oh, ow + 1, low[1]);
  store(plane, oh, ow + 2, low[2]);
  store(plane, oh, ow + 3, low[3]);
  store(plane + 4, oh, ow, high[0]);
  store(plane + 4, oh, ow + 1, high[1]);
  store(plane + 4, oh, ow + 2, high[2]);
  store(plane + 4, oh, ow + 3, high[3]);
}
