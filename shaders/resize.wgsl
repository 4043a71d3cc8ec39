// Resize of x: [n, h, w, c] to y: [n, oh, ow, c]: one invocation computes one element of y.
#import index
#import resize_map

const WG_SIZE: u32 = 256u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

fn load(n: i32, h: i32, w: i32, c: i32) -> f32 {
  return x[((n * params.h + h) * params.w + w) * params.c + c];
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  if (i >= params.n * params.oh * params.ow * params.c) { return; }
  let c = i % params.c;
  let pixel = i / params.c;
  let ow = pixel % params.ow;
  let oh = pixel / params.ow % params.oh;
  let n = pixel / (params.ow * params.oh);
  let sh = source(oh, params.h, params.oh, params.scale_h);
  let sw = source(ow, params.w, params.ow, params.scale_w);
  if (!LINEAR) {
    y[i] = load(n, nearest(sh, params.h), nearest(sw, params.w), c);
    return;
  }
  let h = clamp(sh, 0.0, f32(params.h - 1));
  let w = clamp(sw, 0.0, f32(params.w - 1));
  let h0 = i32(h);
  let w0 = i32(w);
  let h1 = min(h0 + 1, params.h - 1);
  let w1 = min(w0 + 1, params.w - 1);
  let fw = w - f32(w0);
  let top = mix(load(n, h0, w0, c), load(n, h0, w1, c), fw);
  let bottom = mix(load(n, h1, w0, c), load(n, h1, w1, c), fw);
  y[i] = mix(top, bottom, h - f32(h0));
}
