// Gradient of a convolution (groups = 1) to its weights, operands from texture twins:
//   dw[kh, kw, ci, co] = sum over the pixels (n, oh, ow) of x[n, ih, iw, ci] * dy[n, oh, ow, co]
// One invocation computes 8 ci x TILE vec4 of co of one tap in registers, over one slice of the pixels. With
// more than one slice the result is [slice, kh, kw, ci, co] and sum_slices.wgsl adds the slices. A 4 x 4 block is
// one mat4x4f: columns of dy are pixels, columns of the transposed x are ci.
// Channel counts are multiples of 4 (lowering pads others); vec4 i of a tensor is texel (i & 4095, i >> 12).
#import index
#import conv_params

const TILE: u32 = 4u; // 1, 2 or 4 vec4 of output channels an invocation
const WG_SIZE: u32 = 8u;

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

fn load_x(pixel: i32, c: i32) -> vec4f {
  let i = max(pixel, 0) + c;
  return select(vec4f(), textureLoad(x, vec2i(i & 4095, i >> 12)), pixel >= 0);
}

// Four pixels of dy from vec4 i. Pixels past the last are zeros of x times its last row.
fn load_dy(i: i32) -> mat4x4f {
  let row = params.co4;
  return mat4x4f(texel(i), texel(i + row), texel(i + 2 * row), texel(i + 3 * row));
}

fn texel(i: i32) -> vec4f {
  let j = min(i, params.n * params.oh * params.ow * params.co4 - 1);
  return textureLoad(dy, vec2i(j & 4095, j >> 12));
}

// Four input channels from vec4 c, row by row.
fn store(first: i32, c: i32, o: i32, block: mat4x4f) {
  if (c < params.ci4 && o < params.co4) {
    let i = (first + c * 4) * params.co4 + o;
    dw[i] = block[0];
    dw[i + params.co4] = block[1];
    dw[i + 2 * params.co4] = block[2];
    dw[i + 3 * params.co4] = block[3];
  }
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = i32(flat_index(global_id, workgroups, WG_SIZE));
  let co_groups = (params.co4 + i32(TILE) - 1) / i32(TILE);
  let ci_groups = (params.ci4 + 1) / 2;
  let taps = params.kh * params.kw;
  let o = id % co_groups * i32(TILE);
  let c = id / co_groups % ci_groups * 2;
  let t = id / (co_groups * ci_groups) % taps;
  let slice = id / (co_groups * ci_groups * taps);
  if (slice >= params.slices) {
    return;
  }
  let kh = t / params.kw;
  let kw = t % params.kw;
  var a0 = array<mat4x4f, 4>();
  var a1 = array<mat4x4f, 4>();
  let pixels = params.n * params.oh * params.ow;
  let length = (pixels + 4 * params.slices - 1) / (4 * params.slices) * 4; // pixels of a slice
  let end = min((slice + 1) * length, pixels);
  var d = slice * length * params.co4 + o;
  var window = window_of(slice * length);
  for (var m = slice * length; m < end; m += 4) {
    let window1 = next_window(window);
    let window2 = next_window(window1);
    let window3 = next_window(window2);
    let p0 = tap(window, kh, kw);
    let p1 = tap(window1, kh, kw);
    let p2 = tap(window2, kh, kw);
    let p3 = tap(window3, kh, kw);
    window = next_window(window3);
    let x0 = transpose(mat4x4f(load_x(p0, c), load_x(p1, c), load_x(p2, c), load_x(p3, c)));
    let x1 = transpose(mat4x4f(load_x(p0, c + 1), load_x(p1, c + 1), load_x(p2, c + 1), load_x(p3, c + 1)));
    let d0 = load_dy(d);
    a0[0] += d0 * x0;
    a1[0] += d0 * x1;
    if (TILE > 1) {
      let d1 = load_dy(d + 1);
      a0[1] += d1 * x0;
      a1[1] += d1 * x1;
    }
    if (TILE > 2) {
      let d2 = load_dy(d + 2);
      a0[2] += d2 * x0;
      a1[2] += d2 * x1;
      let d3 = load_dy(d + 3);
      a0[3] += d3 * x0;
      a1[3] += d3 * x1;
    }
    d += 4 * params.co4;
  }
  let first = (slice * taps + t) * params.ci4 * 4;
  store(first, c, o, a0[0]);
  store(first, c + 1, o, a1[0]);
  if (TILE > 1) {
    store(first, c, o + 1, a0[1]);
    store(first, c + 1, o + 1, a1[1]);
  }
  if (TILE > 2) {
    store(first, c, o + 2, a0[2]);
    store(first, c + 1, o + 2, a1[2]);
    store(first, c, o + 3, a0[3]);
    store(first, c + 1, o + 3, a1[3]);
  }
}
