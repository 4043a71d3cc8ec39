// Convolution of each channel with a filter of its own, x: [n, h, w, c], w: [kh, kw, 1, c], y: [n, oh, ow, c], c a
// multiple of 4. One invocation computes one vec4 of channels of 4 neighbouring pixels, so that a tap's weights load
// once; also the gradient to the input of one with stride 1, under a mirrored shape.
#import index
#import rows
#import conv_params
#import tail

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<storage, read> tail_scale: array<vec4f>;
@group(0) @binding(4) var<storage, read> tail_shift: array<vec4f>;
@group(0) @binding(5) var<storage, read> tail_rest: array<vec4f>;
@group(0) @binding(6) var<uniform> params: Params;

fn load_x(a: Window, kh: i32, kw: i32, c: i32) -> vec4f {
  let at = tap(a, kh, kw);
  return select(vec4f(), textureLoad(x, texel_at(u32(max(at, 0) + c))), at >= 0);
}

fn store(pixel: i32, c: i32, value: vec4f, scale: vec4f, shift: vec4f) {
  let row = pixel * params.co4;
  y[row + c] = finish(value, scale, shift, tail_rest_at(row, params.co4) + c);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  let c = i % params.co4;
  let m = i / params.co4 * 4;
  let pixels = params.n * params.oh * params.ow;
  if (m >= pixels) { return; }
  let a0 = window_of(m);
  let a1 = next_window(a0);
  let a2 = next_window(a1);
  let a3 = next_window(a2);
  var y0 = vec4f();
  var y1 = vec4f();
  var y2 = vec4f();
  var y3 = vec4f();
  var k = c;
  for (var kh = 0; kh < params.kh; kh++) {
    for (var kw = 0; kw < params.kw; kw++) {
      let f = textureLoad(w, texel_at(u32(k)));
      y0 += f * load_x(a0, kh, kw, c);
      y1 += f * load_x(a1, kh, kw, c);
      y2 += f * load_x(a2, kh, kw, c);
      y3 += f * load_x(a3, kh, kw, c);
      k += params.co4;
    }
  }
  let sample = tail_sample(m * params.co4, params.co4);
  let scale = tail_scale_at(sample, params.co4, c);
  let shift = tail_shift_at(sample, params.co4, c);
  store(m, c, y0, scale, shift);
  if (m + 1 < pixels) { store(m + 1, c, y1, scale, shift); }
  if (m + 2 < pixels) { store(m + 2, c, y2, scale, shift); }
  if (m + 3 < pixels) { store(m + 3, c, y3, scale, shift); }
}
