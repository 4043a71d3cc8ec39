// Gradient of gather.wgsl, dy: [outer, count, inner] to dx: [outer, size, inner]: one invocation adds up, in order,
// what was taken from one element of x.
#import index

const WG_SIZE: u32 = 256u;

struct Params { total: u32, size: u32, count: u32, inner: u32 }

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let at = flat_index(global_id, workgroups, WG_SIZE);
  if (at >= params.total) { return; }
  let inner = at % params.inner;
  let own = i32(at / params.inner % params.size);
  let outer = at / params.inner / params.size;
  var sum = 0.0;
  for (var k = 0u; k < params.count; k++) {
    let given = indices[k];
    if (select(given, given + i32(params.size), given < 0) == own) { sum += dy[(outer * params.count + k) * params.inner + inner]; }
  }
  dx[at] = sum;
}
