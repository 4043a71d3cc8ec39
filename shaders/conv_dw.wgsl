// Gradient of a convolution to its weights, plain: one invocation computes one element of dw.
//   dw[kh, kw, ci, co] = sum over n, oh, ow of x[n, ih, iw, ci] * dy[n, oh, ow, co],  ih = oh * stride + kh * dilation - pad
// where ci counts within the group of co.
#import index
#import conv_params

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dw: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  let ci_group = params.ci / params.groups;
  if (i >= params.kh * params.kw * ci_group * params.co) {
    return;
  }
  let co = i % params.co;
  let ci = co / (params.co / params.groups) * ci_group + i / params.co % ci_group;
  let kw = i / (params.co * ci_group) % params.kw;
  let kh = i / (params.co * ci_group * params.kw);
  var sum = 0.0;
  for (var n = 0; n < params.n; n++) {
    for (var oh = 0; oh < params.oh; oh++) {
      let h = oh * params.stride_h + kh * params.dilation_h - params.pad_h;
      if (h < 0 || h >= params.h) {
        continue;
      }
      for (var ow = 0; ow < params.ow; ow++) {
        let v = ow * params.stride_w + kw * params.dilation_w - params.pad_w;
        if (v >= 0 && v < params.w) {
          let pixel = (n * params.oh + oh) * params.ow + ow;
          sum += f32(x[((n * params.h + h) * params.w + v) * params.ci + ci]) * f32(dy[pixel * params.co + co]);
        }
      }
    }
  }
  dw[i] = sum;
}
