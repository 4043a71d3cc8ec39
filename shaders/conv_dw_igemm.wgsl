// Gradient of a convolution (groups = 1) to its weights, operands from texture twins:
//   dw[kh, kw, ci, co] = sum over the pixels (n, oh, ow) of x[n, ih, iw, ci] * dy[n, oh, ow, co]
// One invocation computes ROWS values of [kw, ci] x TILE vec4 of co of one kh in registers, over one slice of the pixels:
// undilated taps of one row are one run of the images, so that few channels fill a tile. With more than one slice the
// result is [slice, kh, kw, ci, co] and sum_slices.wgsl adds the slices. Columns of dy's blocks are pixels, columns of the
// transposed x are [kw, ci].
// Channel counts are multiples of 4 (lowering pads others); vec4 i of a tensor is texel (i & 4095, i >> 12).
#import index
#import conv_params
#import conv_windows
#import register_tile

const WG_SIZE: u32 = 16u;

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4f>;
@group(0) @binding(3) var<storage, read> tail_scale: array<vec4f>;
@group(0) @binding(4) var<storage, read> tail_shift: array<vec4f>;
@group(0) @binding(5) var<storage, read> tail_rest: array<vec4f>;
@group(0) @binding(6) var<uniform> params: Params;

// Vec4 r of the runs of four pixels.
fn load_x(a: Runs, r: i32) -> mat4x4f {
  let inside = vec4u(r - a.first) < vec4u(a.count);
  let i = select(vec4i(), a.start + r, inside);
  return transpose(mat4x4f(
    select(vec4f(), texel_x(i.x), inside.x),
    select(vec4f(), texel_x(i.y), inside.y),
    select(vec4f(), texel_x(i.z), inside.z),
    select(vec4f(), texel_x(i.w), inside.w),
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

fn place(row: i32) -> i32 {
  return select(NOWHERE, row * params.co4, row < taps_of_run() * params.ci4 * 4);
}

fn store(i: i32, value: vec4f) {
  dw[i] = value;
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = i32(flat_index(global_id, workgroups, WG_SIZE));
  let taps = taps_of_run();
  let groups = (params.co4 + i32(TILE) - 1) / i32(TILE); // invocations across co
  let tiles = (taps * params.ci4 * 4 + i32(ROWS) - 1) / i32(ROWS);
  let runs = params.kh * (params.kw / taps);
  let o = id % groups; // and every vec4 of channels that lies a multiple of `groups` on
  let row = id / groups % tiles * i32(ROWS);
  let t = id / (groups * tiles) % runs;
  let slice = id / (groups * tiles * runs);
  if (slice >= params.slices) {
    return;
  }
  let kh = t / (params.kw / taps);
  let kw = t % (params.kw / taps);
  let pixels = params.n * params.oh * params.ow;
  let length = (pixels + 4 * params.slices - 1) / (4 * params.slices) * 4; // pixels of a slice
  let end = min((slice + 1) * length, pixels);
  let r = row / 4;
  var tile = RegisterTile();
  var d = slice * length * params.co4 + o;
  var windows = windows_of(slice * length);
  for (var m = slice * length; m < end; m += 4) {
    let a = runs_of(windows, kh, kw, taps);
    windows = next_windows(windows);
    var left: LeftBlocks;
    left.b0 = load_x(a, r);
    left.b1 = load_x(a, r + 1);
    if (ROWS > 8) {
      left.b2 = load_x(a, r + 2);
      left.b3 = load_x(a, r + 3);
    }
    multiply_add(&tile, left, d, groups);
    d += 4 * params.co4;
  }
  let first = (slice * runs + t) * taps * params.ci4 * 4;
  write_tile(&tile, row, first * params.co4, o, groups, params.co4);
}
