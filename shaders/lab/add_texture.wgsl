// Laboratory: z = a + b, one vec4 an invocation, from texture twins.
#import index

const WG_SIZE: u32 = 64u;

struct Params { count: u32 }

@group(0) @binding(0) var a: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var b: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> z: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i < params.count) {
    let at = vec2u(i & 4095u, i >> 12u);
    z[i] = textureLoad(a, at) + textureLoad(b, at);
  }
}
