// y[o, k, i] = x[o, indices[k], i], x: [outer, size, inner], y: [outer, count, inner]: one invocation moves one
// element, as bits. Negative indices count from the back; others outside are clamped.
#import index

const WG_SIZE: u32 = 256u;

struct Params { total: u32, size: u32, count: u32, inner: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let at = flat_index(global_id, workgroups, WG_SIZE);
  if (at >= params.total) { return; }
  let inner = at % params.inner;
  let k = at / params.inner % params.count;
  let outer = at / params.inner / params.count;
  let given = indices[k];
  let index = u32(clamp(select(given, given + i32(params.size), given < 0), 0, i32(params.size) - 1));
  y[at] = x[(outer * params.size + index) * params.inner + inner];
}
