// Conversion between element types: one invocation converts one vec4. Types: 0 f32, 1 i32, 2 u32, 3 bool.
#import index

const WG_SIZE: u32 = 256u;
const FROM: u32 = 0u;
const TO: u32 = 1u;

struct Params { vectors: u32 }

@group(0) @binding(0) var<storage, read> x: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4u>;
@group(0) @binding(2) var<uniform> params: Params;

fn from_f32(v: vec4f) -> vec4u {
  switch TO {
    case 0u: { return bitcast<vec4u>(v); }
    case 1u: { return bitcast<vec4u>(vec4i(v)); }
    case 2u: { return vec4u(v); }
    default: { return vec4u(v != vec4f(0.0)); }
  }
}

fn convert(bits: vec4u) -> vec4u {
  if (FROM == 0u) { return from_f32(bitcast<vec4f>(bits)); }
  switch TO {
    case 0u: {
      if (FROM == 1u) { return bitcast<vec4u>(vec4f(bitcast<vec4i>(bits))); }
      return bitcast<vec4u>(vec4f(bits));
    }
    case 3u: { return vec4u(bits != vec4u(0u)); }
    default: { return bits; }
  }
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i < params.vectors) { y[i] = convert(x[i]); }
}
