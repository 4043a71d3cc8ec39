// Gradient of max_pool.wgsl: one invocation adds up, for one element of x, the gradients of the windows it won.
#import index
#import pool_params

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> places: array<i32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  if (i >= params.n * params.h * params.w * params.c) { return; }
  let c = i % params.c;
  let pixel = i / params.c;
  let w = pixel % params.w;
  let h = pixel / params.w % params.h;
  let n = pixel / (params.w * params.h);
  var sum = 0.0;
  for (var kh = 0; kh < params.kh; kh++) {
    let top = h + params.pad_h - kh * params.dilation_h;
    if (top < 0 || top % params.stride_h != 0 || top / params.stride_h >= params.oh) { continue; }
    for (var kw = 0; kw < params.kw; kw++) {
      let left = w + params.pad_w - kw * params.dilation_w;
      if (left < 0 || left % params.stride_w != 0 || left / params.stride_w >= params.ow) { continue; }
      let o = ((n * params.oh + top / params.stride_h) * params.ow + left / params.stride_w) * params.c + c;
      if (places[o] == h * params.w + w) { sum += dy[o]; }
    }
  }
  dx[i] = sum;
}
