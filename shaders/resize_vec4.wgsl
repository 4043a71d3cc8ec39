// Resize of x: [n, h, w, c] to y: [n, oh, ow, c], c a multiple of 4: one invocation computes one vec4 of channels.
#import index
#import resize_map
#import rows

const WG_SIZE: u32 = 256u;

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

fn load(n: i32, h: i32, w: i32, c: i32) -> vec4f {
  return textureLoad(x, texel_at(u32(((n * params.h + h) * params.w + w) * (params.c / 4) + c)));
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  let vectors = params.c / 4;
  if (i >= params.n * params.oh * params.ow * vectors) { return; }
  let c = i % vectors;
  let pixel = i / vectors;
  let ow = pixel % params.ow;
  let row = pixel / params.ow;
  let oh = row % params.oh;
  let n = row / params.oh;
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
