// Convolution (groups = 1) as an implicit matrix product, for adapters with fast workgroup memory:
//   y[n, oh, ow, co] = sum over kh, kw, ci of x[n, ih, iw, ci] * w[kh, kw, ci, co],  ih = oh * stride + kh * dilation - pad
// One workgroup of 8 x 8 invocations computes 64 pixels x 64 channels, 16 of the [taps x ci] sum at a time through
// workgroup memory; each invocation holds 8 pixels x 8 channels in registers. A 4 x 4 block is one mat4x4f: columns
// of x are pixels, columns of w are ci. Channel counts are multiples of 4 (lowering pads others). With pad and
// dilation negated, x = dy and turned weights this is the gradient to the input of a convolution of stride 1.
#import index
#import conv_params
#import tail

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> w: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<storage, read> tail_scale: array<vec4f>;
@group(0) @binding(4) var<storage, read> tail_shift: array<vec4f>;
@group(0) @binding(5) var<storage, read> tail_rest: array<vec4f>;
@group(0) @binding(6) var<uniform> params: Params;

var<workgroup> xs: array<vec4f, 260>; // [4 vec4 of ci][64 pixels], a row 65 apart to spread the banks
var<workgroup> ws: array<vec4f, 256>; // [16 ci][16 vec4 of co]

fn load_x(window: Window, k4: i32) -> vec4f {
  let t = k4 / params.ci4;
  let kh = t / params.kw;
  let pixel = tap(window, kh, t - kh * params.kw);
  if (kh < params.kh && pixel >= 0) {
    return vec4f(x[pixel + k4 - t * params.ci4]);
  }
  return vec4f();
}

fn load_w(k: i32, o: i32) -> vec4f {
  if (k < params.kh * params.kw * params.ci4 * 4 && o < params.co4) {
    return vec4f(w[k * params.co4 + o]);
  }
  return vec4f();
}

fn block_x(i: i32) -> mat4x4f {
  return mat4x4f(xs[i], xs[i + 1], xs[i + 2], xs[i + 3]);
}

fn block_w(i: i32) -> mat4x4f {
  return mat4x4f(ws[i], ws[i + 16], ws[i + 32], ws[i + 48]);
}

fn store(m: i32, o: i32, block: mat4x4f) {
  let pixels = params.n * params.oh * params.ow;
  let sample = tail_sample(m * params.co4, params.co4);
  let scale = tail_scale_at(sample, params.co4, o);
  let shift = tail_shift_at(sample, params.co4, o);
  if (o < params.co4) {
    if (m < pixels) { store_pixel(m, o, block[0], scale, shift); }
    if (m + 1 < pixels) { store_pixel(m + 1, o, block[1], scale, shift); }
    if (m + 2 < pixels) { store_pixel(m + 2, o, block[2], scale, shift); }
    if (m + 3 < pixels) { store_pixel(m + 3, o, block[3], scale, shift); }
  }
}

fn store_pixel(m: i32, o: i32, value: vec4f, scale: vec4f, shift: vec4f) {
  let row = m * params.co4;
  y[row + o] = finish(value, scale, shift, tail_rest_at(row, params.co4) + o);
}

@compute @workgroup_size(WG_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local_index: u32,
) {
  let group = i32(flat_group(workgroup_id, workgroups));
  let lane = i32(local_index);
  let columns = (params.co4 + 15) / 16;
  let first_o = group % columns * 16;
  let first_m = group / columns * 64;
  let window0 = window_of(first_m + lane / 4);
  let window1 = window_of(first_m + lane / 4 + 16);
  let window2 = window_of(first_m + lane / 4 + 32);
  let window3 = window_of(first_m + lane / 4 + 48);
  let to_x = lane % 4 * 65 + lane / 4;
  let o = lane % 8;
  let m = lane / 8 * 8;
  var y00 = mat4x4f();
  var y10 = mat4x4f();
  var y01 = mat4x4f();
  var y11 = mat4x4f();
  for (var k4 = 0; k4 < params.kh * params.kw * params.ci4; k4 += 4) {
    xs[to_x] = load_x(window0, k4 + lane % 4);
    xs[to_x + 16] = load_x(window1, k4 + lane % 4);
    xs[to_x + 32] = load_x(window2, k4 + lane % 4);
    xs[to_x + 48] = load_x(window3, k4 + lane % 4);
    let k = k4 * 4 + lane / 16;
    ws[lane] = load_w(k, first_o + lane % 16);
    ws[lane + 64] = load_w(k + 4, first_o + lane % 16);
    ws[lane + 128] = load_w(k + 8, first_o + lane % 16);
    ws[lane + 192] = load_w(k + 12, first_o + lane % 16);
    workgroupBarrier();
    for (var j = 0; j < 4; j++) {
      let x0 = block_x(j * 65 + m);
      let x1 = block_x(j * 65 + m + 4);
      let w0 = block_w(j * 64 + o);
      let w1 = block_w(j * 64 + o + 8);
      y00 += w0 * x0;
      y10 += w0 * x1;
      y01 += w1 * x0;
      y11 += w1 * x1;
    }
    workgroupBarrier();
  }
  store(first_m + m, first_o + o, y00);
  store(first_m + m + 4, first_o + o, y10);
  store(first_m + m, first_o + o + 8, y01);
  store(first_m + m + 4, first_o + o + 8, y11);
}
