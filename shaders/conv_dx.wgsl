// Gradient of a convolution to its input, plain: one invocation computes one element of dx.
//   dx[n, ih, iw, ci] = sum over kh, kw, co of dy[n, oh, ow, co] * w[kh, kw, ci, co],  ih = oh * stride + kh * dilation - pad
// where co runs over the channels of ci's group, and only whole oh and ow count.
#import index
#import conv_params

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  if (i >= params.n * params.h * params.w * params.ci) {
    return;
  }
  let channel = i % params.ci;
  let iw = i / params.ci % params.w;
  let ih = i / (params.ci * params.w) % params.h;
  let n = i / (params.ci * params.w * params.h);
  let ci_group = params.ci / params.groups;
  let co_group = params.co / params.groups;
  let ci = channel % ci_group;
  let first = channel / ci_group * co_group; // of the group's output channels
  var sum = 0.0;
  for (var kh = 0; kh < params.kh; kh++) {
    for (var kw = 0; kw < params.kw; kw++) {
      let h = ih + params.pad_h - kh * params.dilation_h;
      let v = iw + params.pad_w - kw * params.dilation_w;
      let oh = h / params.stride_h;
      let ow = v / params.stride_w;
      let whole = h % params.stride_h == 0 && v % params.stride_w == 0;
      if (whole && h >= 0 && oh < params.oh && v >= 0 && ow < params.ow) {
        let pixel = (n * params.oh + oh) * params.ow + ow;
        let row = ((kh * params.kw + kw) * ci_group + ci) * params.co + first;
        for (var co = 0; co < co_group; co++) {
          sum += f32(dy[pixel * params.co + first + co]) * f32(w[row + co]);
        }
      }
    }
  }
  dx[i] = sum;
}
