// Convolution (groups = 1) as an implicit matrix product over [taps x ci], operands from texture twins:
//   y[n, oh, ow, co] = sum over kh, kw, ci of x[n, ih, iw, ci] * w[kh, kw, ci, co],  ih = oh * stride + kh * dilation - pad
// One invocation computes 8 pixels x TILE vec4 of channels in registers; neighbouring invocations take
// neighbouring channels. A 4 x 4 block is one mat4x4f: columns of x are pixels, columns of w are ci.
// Channel counts are multiples of 4 (lowering pads others); vec4 i of a tensor is texel (i & 4095, i >> 12).
#import index
#import conv_params

const TILE: u32 = 4u; // 1, 2 or 4 vec4 of output channels an invocation
const WG_SIZE: u32 = 8u;

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

// A run of input values that neighbouring taps of one window read, and which of them lie inside the image.
struct Run { start: i32, first: i32, count: i32 }

fn run_of(a: Window, kh: i32, kw: i32, taps: i32) -> Run {
  let h = a.h + kh * params.dilation_h;
  let w = a.w + kw * params.dilation_w;
  let first = clamp(-w, 0, taps);
  let last = clamp(params.w - w, first, taps);
  let inside = a.n < params.n && h >= 0 && h < params.h;
  let start = ((a.n * params.h + h) * params.w + w) * params.ci4;
  return Run(start, first * params.ci4, select(0, (last - first) * params.ci4, inside));
}

fn load_x(run: Run, r: i32) -> vec4f {
  let inside = u32(r - run.first) < u32(run.count);
  let i = select(0, run.start + r, inside);
  return select(vec4f(), textureLoad(x, vec2i(i & 4095, i >> 12)), inside);
}

// Rows i, i + co4, ... : four input channels of the weights.
fn load_w(i: i32) -> mat4x4f {
  let row = params.co4;
  return mat4x4f(texel(i), texel(i + row), texel(i + 2 * row), texel(i + 3 * row));
}

fn texel(i: i32) -> vec4f {
  return textureLoad(w, vec2i(i & 4095, i >> 12));
}

fn store(m: i32, o: i32, block: mat4x4f) {
  let pixels = params.n * params.oh * params.ow;
  let i = m * params.co4 + o;
  if (o < params.co4) {
    if (m < pixels) { y[i] = block[0]; }
    if (m + 1 < pixels) { y[i + params.co4] = block[1]; }
    if (m + 2 < pixels) { y[i + 2 * params.co4] = block[2]; }
    if (m + 3 < pixels) { y[i + 3 * params.co4] = block[3]; }
  }
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = i32(flat_index(global_id, workgroups, WG_SIZE));
  let groups = (params.co4 + i32(TILE) - 1) / i32(TILE); // invocations across the channels
  let o = id % groups * i32(TILE);
  let m = id / groups * 8;
  if (m >= params.n * params.oh * params.ow) {
    return;
  }
  let c0 = window_of(m);
  let c1 = next_window(c0);
  let c2 = next_window(c1);
  let c3 = next_window(c2);
  let c4 = next_window(c3);
  let c5 = next_window(c4);
  let c6 = next_window(c5);
  let c7 = next_window(c6);
  var y00 = mat4x4f();
  var y10 = mat4x4f();
  var y01 = mat4x4f();
  var y11 = mat4x4f();
  var y02 = mat4x4f();
  var y12 = mat4x4f();
  var y03 = mat4x4f();
  var y13 = mat4x4f();
  var k = o; // vec4 of the weights at this tap and input channel
  // Undilated taps of one row lie one after another: all of them are one run.
  let taps = select(1, params.kw, params.dilation_w == 1);
  for (var kh = 0; kh < params.kh; kh++) {
    for (var kw = 0; kw < params.kw; kw += taps) {
      let r0 = run_of(c0, kh, kw, taps);
      let r1 = run_of(c1, kh, kw, taps);
      let r2 = run_of(c2, kh, kw, taps);
      let r3 = run_of(c3, kh, kw, taps);
      let r4 = run_of(c4, kh, kw, taps);
      let r5 = run_of(c5, kh, kw, taps);
      let r6 = run_of(c6, kh, kw, taps);
      let r7 = run_of(c7, kh, kw, taps);
      for (var r = 0; r < taps * params.ci4; r++) {
        let x0 = mat4x4f(load_x(r0, r), load_x(r1, r), load_x(r2, r), load_x(r3, r));
        let x1 = mat4x4f(load_x(r4, r), load_x(r5, r), load_x(r6, r), load_x(r7, r));
        let w0 = load_w(k);
        y00 += w0 * x0;
        y10 += w0 * x1;
        if (TILE > 1) {
          let w1 = load_w(k + 1);
          y01 += w1 * x0;
          y11 += w1 * x1;
        }
        if (TILE > 2) {
          let w2 = load_w(k + 2);
          y02 += w2 * x0;
          y12 += w2 * x1;
          let w3 = load_w(k + 3);
          y03 += w3 * x0;
          y13 += w3 * x1;
        }
        k += 4 * params.co4;
      }
    }
  }
  store(m, o, y00);
  store(m + 4, o, y10);
  if (TILE > 1) {
    store(m, o + 1, y01);
    store(m + 4, o + 1, y11);
  }
  if (TILE > 2) {
    store(m, o + 2, y02);
    store(m + 4, o + 2, y12);
    store(m, o + 3, y03);
    store(m + 4, o + 3, y13);
  }
}
