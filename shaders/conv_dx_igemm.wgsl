// Gradient of a convolution (groups = 1) to its input, operands from texture twins, the weights turned to
// [kh, kw, co, ci] by turn_matrices.wgsl so that neighbouring invocations read neighbouring texels:
//   dx[n, ih, iw, ci] = sum over kh, kw, co of dy[n, oh, ow, co] * w[kh, kw, ci, co],  ih = oh * stride + kh * dilation - pad
// One invocation computes ROWS pixels x TILE vec4 of input channels in registers. The pixels lie `stride` apart, so
// that the same taps (kh, kw) reach all of them: pixels are counted phase by phase, a phase being
// (ih % stride_h, iw % stride_w). Columns of dy's blocks are pixels, columns of w's are co.
// Channel counts are multiples of 4 (lowering pads others); vec4 i of a tensor is texel (i & 4095, i >> 12).
#import index
#import conv_params
#import register_tile

const WG_SIZE: u32 = 16u;

@group(0) @binding(0) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var w: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(3) var<storage, read> tail_scale: array<vec4f>;
@group(0) @binding(4) var<storage, read> tail_shift: array<vec4f>;
@group(0) @binding(5) var<storage, read> tail_rest: array<vec4f>;
@group(0) @binding(6) var<uniform> params: Params;

// Four pixels of a phase: image, row and column counted within the phase.
struct Pixels { n: vec4i, h: vec4i, w: vec4i }

// Rows and columns of a phase, and its pixels of all images, as a multiple of ROWS.
fn phase_size() -> vec2i {
  let stride = vec2i(params.stride_h, params.stride_w);
  return (vec2i(params.h, params.w) + stride - 1) / stride;
}

fn phase_length() -> i32 {
  let size = phase_size();
  return (params.n * size.x * size.y + i32(ROWS) - 1) / i32(ROWS) * i32(ROWS);
}

fn pixels_of(m: i32) -> Pixels {
  let size = phase_size();
  let at = m + vec4i(0, 1, 2, 3);
  let row = at / size.y;
  let n = row / size.x;
  return Pixels(n, row - n * size.x, at - row * size.y);
}

// First vec4 of the output pixels `shift` away from pixels of the phase, or -1 outside the images.
fn outputs_at(a: Pixels, shift: vec2i) -> vec4i {
  let h = a.h + shift.x;
  let w = a.w + shift.y;
  let inside = (a.n < vec4i(params.n)) & (h >= vec4i()) & (h < vec4i(params.oh)) & (w >= vec4i()) & (w < vec4i(params.ow));
  return select(vec4i(-1), ((a.n * params.oh + h) * params.ow + w) * params.co4, inside);
}

fn load_dy(pixels: vec4i, c: i32) -> mat4x4f {
  let i = max(pixels, vec4i()) + c;
  return mat4x4f(
    select(vec4f(), texel_dy(i.x), pixels.x >= 0),
    select(vec4f(), texel_dy(i.y), pixels.y >= 0),
    select(vec4f(), texel_dy(i.z), pixels.z >= 0),
    select(vec4f(), texel_dy(i.w), pixels.w >= 0),
  );
}

fn texel_dy(i: i32) -> vec4f {
  return textureLoad(dy, vec2i(i & 4095, i >> 12));
}

// Rows i, i + ci4, ... : four output channels of the turned weights.
fn load_right(i: i32) -> mat4x4f {
  let row = params.ci4;
  return mat4x4f(texel_w(i), texel_w(i + row), texel_w(i + 2 * row), texel_w(i + 3 * row));
}

fn texel_w(i: i32) -> vec4f {
  return textureLoad(w, vec2i(i & 4095, i >> 12));
}

// Row `i` of all phases' pixels, one phase after another.
fn place(i: i32) -> i32 {
  let length = phase_length();
  let number = i / length;
  let phase = vec2i(number / params.stride_w, number % params.stride_w);
  let size = phase_size();
  let m = i - number * length;
  let row = m / size.y;
  let n = row / size.x;
  let h = (row - n * size.x) * params.stride_h + phase.x;
  let v = (m - row * size.y) * params.stride_w + phase.y;
  let inside = n < params.n && h < params.h && v < params.w;
  return select(NOWHERE, ((n * params.h + h) * params.w + v) * params.ci4, inside);
}

fn store(i: i32, value: vec4f) {
  dx[i] = value;
}

// The first tap that reaches a whole output index from `at`; `taps` if there is none.
fn first_tap(at: i32, stride: i32, dilation: i32, taps: i32) -> i32 {
  var k = 0;
  while (k < min(stride, taps) && (at - k * dilation) % stride != 0) {
    k++;
  }
  return select(k, taps, k == stride);
}

@compute @workgroup_size(WG_SIZE)
fn main(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  // Workgroups take the phases in turn, since these have different numbers of taps and so of work.
  let phases = params.stride_h * params.stride_w;
  let group = i32(flat_group(wg_id, workgroups));
  let number = group % phases;
  let id = group / phases * i32(WG_SIZE) + i32(lane);
  let groups = (params.ci4 + i32(TILE) - 1) / i32(TILE); // invocations across the channels
  let tiles = phase_length() / i32(ROWS);
  if (id >= groups * tiles) {
    return;
  }
  let phase = vec2i(number / params.stride_w, number % params.stride_w);
  let i = id % groups; // and every vec4 of channels that lies a multiple of `groups` on
  let m = id / groups * i32(ROWS);
  let q0 = pixels_of(m);
  let q1 = pixels_of(m + 4);
  let q2 = pixels_of(m + 8);
  let q3 = pixels_of(m + 12);
  var tile = RegisterTile();
  let kh0 = first_tap(phase.x + params.pad_h, params.stride_h, params.dilation_h, params.kh);
  let kw0 = first_tap(phase.y + params.pad_w, params.stride_w, params.dilation_w, params.kw);
  for (var kh = kh0; kh < params.kh; kh += params.step_h) {
    for (var kw = kw0; kw < params.kw; kw += params.step_w) {
      let reach = phase + vec2i(params.pad_h - kh * params.dilation_h, params.pad_w - kw * params.dilation_w);
      let shift = reach / vec2i(params.stride_h, params.stride_w); // with no remainder
      let p0 = outputs_at(q0, shift);
      let p1 = outputs_at(q1, shift);
      let p2 = outputs_at(q2, shift);
      let p3 = outputs_at(q3, shift);
      var k = (kh * params.kw + kw) * params.co4 * 4 * params.ci4 + i;
      for (var c = 0; c < params.co4; c++) {
        var left: LeftBlocks;
        left.b0 = load_dy(p0, c);
        left.b1 = load_dy(p1, c);
        if (ROWS > 8) {
          left.b2 = load_dy(p2, c);
          left.b3 = load_dy(p3, c);
        }
        multiply_add(&tile, left, k, groups);
        k += 4 * params.ci4;
      }
    }
  }
  write_tile(&tile, number * phase_length() + m, 0, i, groups, params.ci4);
}
