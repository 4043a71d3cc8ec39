// Gradient of a convolution (groups = 1) to its weights, operands from texture twins:
//   dw[kh, kw, ci, co] = sum over the pixels (n, oh, ow) of x[n, ih, iw, ci] * dy[n, oh, ow, co]
// One invocation computes ROWS ci x TILE vec4 of co of one tap in registers, over one slice of the pixels. With
// more than one slice the result is [slice, kh, kw, ci, co] and sum_slices.wgsl adds the slices. Columns of dy's blocks
// are pixels, columns of the transposed x are ci.
// Channel counts are multiples of 4 (lowering pads others); vec4 i of a tensor is texel (i & 4095, i >> 12).
#import index
#import conv_params
#import conv_windows
#import register_tile

const WG_SIZE: u32 = 16u;

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

// Vec4 c of the channels of four pixels.
fn load_x(pixels: vec4i, c: i32) -> mat4x4f {
  let i = max(pixels, vec4i()) + min(c, params.ci4 - 1);
  return transpose(mat4x4f(
    select(vec4f(), texel_x(i.x), pixels.x >= 0),
    select(vec4f(), texel_x(i.y), pixels.y >= 0),
    select(vec4f(), texel_x(i.z), pixels.z >= 0),
    select(vec4f(), texel_x(i.w), pixels.w >= 0),
  ));
}

fn texel_x(i: i32) -> vec4f {
  return textureLoad(x, vec2i(i & 4095, i >> 12));
}

// Four pixels of dy from vec4 i. Pixels past the last are zeros of x times its last row.
fn load_right(i: i32) -> mat4x4f {
  let row = params.co4;
  return mat4x4f(texel_dy(i), texel_dy(i + row), texel_dy(i + 2 * row), texel_dy(i + 3 * row));
}

fn texel_dy(i: i32) -> vec4f {
  let j = min(i, params.n * params.oh * params.ow * params.co4 - 1);
  return textureLoad(dy, vec2i(j & 4095, j >> 12));
}

fn place(ci: i32) -> i32 {
  return select(NOWHERE, ci * params.co4, ci < params.ci4 * 4);
}

fn store(i: i32, value: vec4f) {
  dw[i] = value;
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = i32(flat_index(global_id, workgroups, WG_SIZE));
  let co_groups = (params.co4 + i32(TILE) - 1) / i32(TILE);
  let ci_groups = (params.ci4 * 4 + i32(ROWS) - 1) / i32(ROWS);
  let taps = params.kh * params.kw;
  let o = id % co_groups * i32(TILE);
  let c = id / co_groups % ci_groups * (i32(ROWS) / 4);
  let t = id / (co_groups * ci_groups) % taps;
  let slice = id / (co_groups * ci_groups * taps);
  if (slice >= params.slices) {
    return;
  }
  let kh = t / params.kw;
  let kw = t % params.kw;
  let pixels = params.n * params.oh * params.ow;
  let length = (pixels + 4 * params.slices - 1) / (4 * params.slices) * 4; // pixels of a slice
  let end = min((slice + 1) * length, pixels);
  var tile = RegisterTile();
  var d = slice * length * params.co4 + o;
  var windows = windows_of(slice * length);
  for (var m = slice * length; m < end; m += 4) {
    let p = taps_of(windows, kh, kw);
    windows = next_windows(windows);
    var left: LeftBlocks;
    left.b0 = load_x(p, c);
    left.b1 = load_x(p, c + 1);
    if (ROWS > 8) {
      left.b2 = load_x(p, c + 2);
      left.b3 = load_x(p, c + 3);
    }
    multiply_add(&tile, left, d, 1);
    d += 4 * params.co4;
  }
  write_tile(&tile, c * 4, (slice * taps + t) * params.ci4 * 4 * params.co4 + o, params.co4 - o);
}
