// The square root of a sum of sums. One workgroup; lane l adds up every 64th of the sums from the l-th on.
#import workgroup_sum

struct Params { count: u32 }

@group(0) @binding(0) var<storage, read> sums: array<f32>;
@group(0) @binding(1) var<storage, read_write> norm: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  var part = 0.0;
  for (var i = lane; i < params.count; i += 64u) { part += sums[i]; }
  let total = workgroup_sum(part, lane);
  if (lane == 0u) { norm[0] = sqrt(total); }
}
