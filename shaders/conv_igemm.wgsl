// Convolution (groups = 1) as an implicit matrix product over [taps x ci], operands from texture twins:
//   y[n, oh, ow, co] = sum over kh, kw, ci of x[n, ih, iw, ci] * w[kh, kw, ci, co],  ih = oh * stride + kh * dilation - pad
// One invocation computes ROWS pixels x TILE vec4 of channels in registers; neighbouring invocations take neighbouring
// channels. Columns of x's blocks are pixels, columns of w's are ci.
// Channel counts are multiples of 4 (lowering pads others); vec4 i of a tensor is texel (i & 4095, i >> 12).
#import index
#import conv_params
#import conv_windows
#import register_tile

const WG_SIZE: u32 = 16u;

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<storage, read> tail_scale: array<vec4f>;
@group(0) @binding(4) var<storage, read> tail_shift: array<vec4f>;
@group(0) @binding(5) var<storage, read> tail_rest: array<vec4f>;
@group(0) @binding(6) var<uniform> params: Params;

fn load_x(a: Runs, r: i32) -> mat4x4f {
  let inside = vec4u(r - a.first) < vec4u(a.count);
  let i = select(vec4i(), a.start + r, inside);
  return mat4x4f(
    select(vec4f(), texel_x(i.x), inside.x),
    select(vec4f(), texel_x(i.y), inside.y),
    select(vec4f(), texel_x(i.z), inside.z),
    select(vec4f(), texel_x(i.w), inside.w),
  );
}

fn texel_x(i: i32) -> vec4f {
  return textureLoad(x, vec2i(i & 4095, i >> 12));
}

// Rows i, i + co4, ... : four input channels of the weights.
fn load_right(i: i32) -> mat4x4f {
  let row = params.co4;
  return mat4x4f(texel_w(i), texel_w(i + row), texel_w(i + 2 * row), texel_w(i + 3 * row));
}

fn texel_w(i: i32) -> vec4f {
  return textureLoad(w, vec2i(i & 4095, i >> 12));
}

fn place(m: i32) -> i32 {
  return select(NOWHERE, m * params.co4, m < params.n * params.oh * params.ow);
}

fn store(i: i32, value: vec4f) {
  y[i] = value;
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = i32(flat_index(global_id, workgroups, WG_SIZE));
  let groups = (params.co4 + i32(TILE) - 1) / i32(TILE); // invocations across the channels
  let o = id % groups; // and every vec4 of channels that lies a multiple of `groups` on
  let m = id / groups * i32(ROWS);
  if (m >= params.n * params.oh * params.ow) {
    return;
  }
  let a0 = windows_of(m);
  let a1 = next_windows(a0);
  let a2 = next_windows(a1);
  let a3 = next_windows(a2);
  var tile = RegisterTile();
  var k = o; // vec4 of the weights at this tap and input channel
  let taps = taps_of_run();
  for (var kh = 0; kh < params.kh; kh++) {
    for (var kw = 0; kw < params.kw; kw += taps) {
      let r0 = runs_of(a0, kh, kw, taps);
      let r1 = runs_of(a1, kh, kw, taps);
      let r2 = runs_of(a2, kh, kw, taps);
      let r3 = runs_of(a3, kh, kw, taps);
      for (var r = 0; r < taps * params.ci4; r++) {
        var left: LeftBlocks;
        left.b0 = load_x(r0, r);
        left.b1 = load_x(r1, r);
        if (ROWS > 8) {
          left.b2 = load_x(r2, r);
          left.b3 = load_x(r3, r);
        }
        multiply_add(&tile, left, k, groups);
        k += 4 * params.co4;
      }
    }
  }
  write_tile(&tile, m, 0, o, groups, params.co4);
}
