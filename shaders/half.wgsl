// x rounded to f16, to the nearest, ties to even; what is too large becomes infinite, and so does NaN. One invocation rounds
// eight values, which are one store.
#import index

const WG_SIZE: u32 = 64u;

alias Halves = vec4u; // eight values of f16

struct Params { vectors: u32 } // of 16 bytes of y

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<Halves>;
@group(0) @binding(2) var<uniform> params: Params;

const LARGEST: f32 = 65504.0;
// Half a step above the largest: from here on values round to infinity.
const TOO_LARGE: f32 = 65520.0;

// Two values as the halves of a word. WGSL leaves open what pack2x16float makes of values that no f16 holds.
fn pack_half(v: vec2f) -> u32 {
  let bits = bitcast<vec2u>(v);
  let infinite = (bits & vec2u(0x7fffffffu)) >= vec2u(bitcast<u32>(TOO_LARGE));
  let packed = pack2x16float(clamp(v, vec2f(-LARGEST), vec2f(LARGEST)));
  let infinity = ((bits >> vec2u(16u)) & vec2u(0x8000u)) | vec2u(0x7c00u);
  let low = select(packed & 0xffffu, infinity.x, infinite.x);
  let high = select(packed >> 16u, infinity.y, infinite.y);
  return low | (high << 16u);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.vectors) { return; }
  let a = x[2u * i];
  let b = x[2u * i + 1u]; // behind the last value there may be anything
  y[i] = Halves(pack_half(a.xy), pack_half(a.zw), pack_half(b.xy), pack_half(b.zw));
}
