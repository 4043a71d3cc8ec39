// Gradient of a convolution (groups = 1) to its input, operands from texture twins, the weights turned to
// [kh, kw, co, ci] by turn_matrices.wgsl so that neighbouring invocations read neighbouring texels:
//   dx[n, ih, iw, ci] = sum over kh, kw, co of dy[n, oh, ow, co] * w[kh, kw, ci, co],  ih = oh * stride + kh * dilation - pad
// One invocation computes 8 pixels x TILE vec4 of input channels in registers. The 8 pixels lie `stride` apart, so
// that the same taps (kh, kw) reach all of them: pixels are counted phase by phase, a phase being
// (ih % stride_h, iw % stride_w). A 4 x 4 block is one mat4x4f: columns of dy are pixels, columns of w are co.
// Channel counts are multiples of 4 (lowering pads others); vec4 i of a tensor is texel (i & 4095, i >> 12).
#import index
#import conv_params

const TILE: u32 = 4u; // 1, 2 or 4 vec4 of input channels an invocation
const WG_SIZE: u32 = 8u;

@group(0) @binding(0) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

// Pixel m of a phase: image, row and column counted within the phase.
fn pixel_of(m: i32) -> Window {
  let columns = (params.w + params.stride_w - 1) / params.stride_w;
  let rows = (params.h + params.stride_h - 1) / params.stride_h;
  let row = m / columns;
  let n = row / rows;
  return Window(n, row - n * rows, m - row * columns);
}

// First vec4 of the output pixel `shift` away from a pixel of the phase, or -1 outside the images.
fn output_at(a: Window, shift: vec2i) -> i32 {
  let h = a.h + shift.x;
  let w = a.w + shift.y;
  let inside = a.n < params.n && h >= 0 && h < params.oh && w >= 0 && w < params.ow;
  return select(-1, ((a.n * params.oh + h) * params.ow + w) * params.co4, inside);
}

fn load_dy(pixel: i32, c: i32) -> vec4f {
  let i = max(pixel, 0) + c;
  return select(vec4f(), textureLoad(dy, vec2i(i & 4095, i >> 12)), pixel >= 0);
}

// Rows i, i + ci4, ... : four output channels of the turned weights.
fn load_w(i: i32) -> mat4x4f {
  let row = params.ci4;
  return mat4x4f(texel(i), texel(i + row), texel(i + 2 * row), texel(i + 3 * row));
}

fn texel(i: i32) -> vec4f {
  return textureLoad(w, vec2i(i & 4095, i >> 12));
}

// The first tap that reaches a whole output index from `at`; `taps` if there is none.
fn first_tap(at: i32, stride: i32, dilation: i32, taps: i32) -> i32 {
  var k = 0;
  while (k < min(stride, taps) && (at - k * dilation) % stride != 0) {
    k++;
  }
  return select(k, taps, k == stride);
}

// The TILE vec4 of one pixel.
fn store_tile(a: Window, phase: vec2i, i: i32, v0: vec4f, v1: vec4f, v2: vec4f, v3: vec4f) {
  let h = a.h * params.stride_h + phase.x;
  let w = a.w * params.stride_w + phase.y;
  if (a.n < params.n && h < params.h && w < params.w) {
    let at = ((a.n * params.h + h) * params.w + w) * params.ci4 + i;
    let count = min(i32(TILE), params.ci4 - i);
    dx[at] = v0;
    if (count > 1) { dx[at + 1] = v1; }
    if (count > 2) { dx[at + 2] = v2; }
    if (count > 3) { dx[at + 3] = v3; }
  }
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = i32(flat_index(global_id, workgroups, WG_SIZE));
  let stride = vec2i(params.stride_h, params.stride_w);
  let size = (vec2i(params.h, params.w) + stride - 1) / stride; // rows and columns of a phase
  let groups = (params.ci4 + i32(TILE) - 1) / i32(TILE); // invocations across the channels
  let tiles = (params.n * size.x * size.y + 7) / 8; // 8-pixel tiles of a phase
  let number = id / (groups * tiles);
  if (number >= stride.x * stride.y) {
    return;
  }
  let phase = vec2i(number / stride.y, number % stride.y);
  let i = id % groups * i32(TILE);
  let m = id / groups % tiles * 8;
  let q0 = pixel_of(m);
  let q1 = pixel_of(m + 1);
  let q2 = pixel_of(m + 2);
  let q3 = pixel_of(m + 3);
  let q4 = pixel_of(m + 4);
  let q5 = pixel_of(m + 5);
  let q6 = pixel_of(m + 6);
  let q7 = pixel_of(m + 7);
  var a0 = array<mat4x4f, 4>();
  var a1 = array<mat4x4f, 4>();
  let kh0 = first_tap(phase.x + params.pad_h, params.stride_h, params.dilation_h, params.kh);
  let kw0 = first_tap(phase.y + params.pad_w, params.stride_w, params.dilation_w, params.kw);
  for (var kh = kh0; kh < params.kh; kh += params.step_h) {
    for (var kw = kw0; kw < params.kw; kw += params.step_w) {
      let reach = phase + vec2i(params.pad_h - kh * params.dilation_h, params.pad_w - kw * params.dilation_w);
      let shift = reach / stride; // with no remainder
      let p0 = output_at(q0, shift);
      let p1 = output_at(q1, shift);
      let p2 = output_at(q2, shift);
      let p3 = output_at(q3, shift);
      let p4 = output_at(q4, shift);
      let p5 = output_at(q5, shift);
      let p6 = output_at(q6, shift);
      let p7 = output_at(q7, shift);
      var k = (kh * params.kw + kw) * params.co4 * 4 * params.ci4 + i;
      for (var c = 0; c < params.co4; c++) {
        let d0 = mat4x4f(load_dy(p0, c), load_dy(p1, c), load_dy(p2, c), load_dy(p3, c));
        let d1 = mat4x4f(load_dy(p4, c), load_dy(p5, c), load_dy(p6, c), load_dy(p7, c));
        let w0 = load_w(k);
        a0[0] += w0 * d0;
        a1[0] += w0 * d1;
        if (TILE > 1) {
          let w1 = load_w(k + 1);
          a0[1] += w1 * d0;
          a1[1] += w1 * d1;
        }
        if (TILE > 2) {
          let w2 = load_w(k + 2);
          a0[2] += w2 * d0;
          a1[2] += w2 * d1;
          let w3 = load_w(k + 3);
          a0[3] += w3 * d0;
          a1[3] += w3 * d1;
        }
        k += 4 * params.ci4;
      }
    }
  }
  store_tile(q0, phase, i, a0[0][0], a0[1][0], a0[2][0], a0[3][0]);
  store_tile(q1, phase, i, a0[0][1], a0[1][1], a0[2][1], a0[3][1]);
  store_tile(q2, phase, i, a0[0][2], a0[1][2], a0[2][2], a0[3][2]);
  store_tile(q3, phase, i, a0[0][3], a0[1][3], a0[2][3], a0[3][3]);
  store_tile(q4, phase, i, a1[0][0], a1[1][0], a1[2][0], a1[3][0]);
  store_tile(q5, phase, i, a1[0][1], a1[1][1], a1[2][1], a1[3][1]);
  store_tile(q6, phase, i, a1[0][2], a1[1][2], a1[2][2], a1[3][2]);
  store_tile(q7, phase, i, a1[0][3], a1[1][3], a1[2][3], a1[3][3]);
}
