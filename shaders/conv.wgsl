// Convolution, plain: one invocation computes one element of y. Any stride, padding, dilation and groups.
//   y[n, oh, ow, co] = sum over kh, kw, ci of x[n, ih, iw, ci] * w[kh, kw, ci, co],  ih = oh * stride + kh * dilation - pad
// where ci runs over the channels of co's group.
#import index
#import conv_params

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  if (i >= params.n * params.oh * params.ow * params.co) {
    return;
  }
  let co = i % params.co;
  let window = window_of(i / params.co);
  let ci_group = params.ci / params.groups;
  let first = co / (params.co / params.groups) * ci_group; // of the group's input channels
  var sum = 0.0;
  for (var kh = 0; kh < params.kh; kh++) {
    for (var kw = 0; kw < params.kw; kw++) {
      let h = window.h + kh * params.dilation_h;
      let v = window.w + kw * params.dilation_w;
      if (h >= 0 && h < params.h && v >= 0 && v < params.w) {
        let pixel = (window.n * params.h + h) * params.w + v;
        for (var ci = 0; ci < ci_group; ci++) {
          sum += f32(x[pixel * params.ci + first + ci]) * f32(w[((kh * params.kw + kw) * ci_group + ci) * params.co + co]);
        }
      }
    }
  }
  y[i] = sum;
}
