// Gradient of max_pool.wgsl, channels a multiple of 4: one invocation adds up, for one vec4 of channels of x, the
// gradients of the windows that each of its elements won.
#import index
#import pool_params
#import rows

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var dy: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read> places: array<vec4i>;
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  let vectors = params.c / 4;
  if (i >= params.n * params.h * params.w * vectors) { return; }
  let c = i % vectors;
  let pixel = i / vectors;
  let w = pixel % params.w;
  let h = pixel / params.w % params.h;
  let n = pixel / (params.w * params.h);
  // The windows over this pixel (without dilation): rows and columns of y.
  let first_h = max((h + params.pad_h - params.kh + params.stride_h) / params.stride_h, 0);
  let last_h = min((h + params.pad_h) / params.stride_h, params.oh - 1);
  let first_w = max((w + params.pad_w - params.kw + params.stride_w) / params.stride_w, 0);
  let last_w = min((w + params.pad_w) / params.stride_w, params.ow - 1);
  let own = vec4i(h * params.w + w);
  var sum = vec4f();
  for (var oh = first_h; oh <= last_h; oh++) {
    for (var ow = first_w; ow <= last_w; ow++) {
      let o = ((n * params.oh + oh) * params.ow + ow) * vectors + c;
      sum += select(vec4f(), textureLoad(dy, texel_at(u32(o))), places[o] == own);
    }
  }
  dx[i] = sum;
}
