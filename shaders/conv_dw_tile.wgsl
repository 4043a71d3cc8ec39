// Gradient of a convolution (groups = 1) to its weights, for adapters with fast workgroup memory:
//   dw[kh, kw, ci, co] = sum over the pixels (n, oh, ow) of x[n, ih, iw, ci] * dy[n, oh, ow, co]
// One workgroup of 8 x 8 invocations computes 64 ci x 64 co of one tap over one slice of the pixels, 16 pixels at a
// time through workgroup memory; each invocation holds 8 ci x 8 co in registers. With more than one slice the result
// is [slice, kh, kw, ci, co] and sum_slices.wgsl adds the slices. A 4 x 4 block is one mat4x4f: columns of dy are
// pixels, columns of the transposed x are ci. Channel counts are multiples of 4 (lowering pads others).
#import index
#import conv_params

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> dy: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dw: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> xs: array<vec4f, 256>; // [16 pixels][16 vec4 of ci]
var<workgroup> ds: array<vec4f, 256>; // [16 pixels][16 vec4 of co]

fn load_x(m: i32, end: i32, t: i32, c: i32) -> vec4f {
  let pixel = tap(window_of(m), t / params.kw, t % params.kw);
  if (m < end && pixel >= 0 && c < params.ci4) {
    return vec4f(x[pixel + c]);
  }
  return vec4f();
}

fn load_dy(m: i32, end: i32, o: i32) -> vec4f {
  if (m < end && o < params.co4) {
    return vec4f(dy[m * params.co4 + o]);
  }
  return vec4f();
}

fn block_x(i: i32) -> mat4x4f {
  return transpose(mat4x4f(xs[i], xs[i + 16], xs[i + 32], xs[i + 48]));
}

fn block_d(i: i32) -> mat4x4f {
  return mat4x4f(ds[i], ds[i + 16], ds[i + 32], ds[i + 48]);
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
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local_index: u32,
) {
  let group = i32(flat_group(workgroup_id, workgroups));
  let lane = i32(local_index);
  let columns = (params.co4 + 15) / 16;
  let rows = (params.ci4 + 15) / 16;
  let taps = params.kh * params.kw;
  let first_o = group % columns * 16;
  let first_c = group / columns % rows * 16;
  let t = group / (columns * rows) % taps;
  let slice = group / (columns * rows * taps);
  let pixels = params.n * params.oh * params.ow;
  let length = (pixels + params.slices - 1) / params.slices; // pixels of a slice
  let end = select(0, min((slice + 1) * length, pixels), slice < params.slices);
  let o = lane % 8;
  let c = lane / 8;
  var a00 = mat4x4f();
  var a10 = mat4x4f();
  var a01 = mat4x4f();
  var a11 = mat4x4f();
  for (var start = slice * length; start < end; start += 16) {
    let m = start + lane / 16;
    xs[lane] = load_x(m, end, t, first_c + lane % 16);
    xs[lane + 64] = load_x(m + 4, end, t, first_c + lane % 16);
    xs[lane + 128] = load_x(m + 8, end, t, first_c + lane % 16);
    xs[lane + 192] = load_x(m + 12, end, t, first_c + lane % 16);
    ds[lane] = load_dy(m, end, first_o + lane % 16);
    ds[lane + 64] = load_dy(m + 4, end, first_o + lane % 16);
    ds[lane + 128] = load_dy(m + 8, end, first_o + lane % 16);
    ds[lane + 192] = load_dy(m + 12, end, first_o + lane % 16);
    workgroupBarrier();
    for (var j = 0; j < 4; j++) {
      let x0 = block_x(j * 64 + c);
      let x1 = block_x(j * 64 + c + 8);
      let d0 = block_d(j * 64 + o);
      let d1 = block_d(j * 64 + o + 8);
      a00 += d0 * x0;
      a10 += d0 * x1;
      a01 += d1 * x0;
      a11 += d1 * x1;
    }
    workgroupBarrier();
  }
  if (slice < params.slices) {
    let first = (slice * taps + t) * params.ci4 * 4;
    store(first, first_c + c, first_o + o, a00);
    store(first, first_c + c + 8, first_o + o, a10);
    store(first, first_c + c, first_o + o + 8, a01);
    store(first, first_c + c + 8, first_o + o + 8, a11);
  }
}
