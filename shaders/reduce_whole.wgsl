// Reduction of whole numbers over any axes: one invocation computes one element of y. Not scaled.
#import index
#import reduce_walk

const WG_SIZE: u32 = 64u;
const FUNCTION: u32 = 0u; // 0 Sum, 1 SumSquare, 2 L1, 3 Max, 4 Min, 5 Prod

@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(0) @binding(2) var<uniform> params: Params;

fn fold(total: i32, v: i32) -> i32 {
  switch FUNCTION {
    case 1u: { return total + v * v; }
    case 2u: { return total + abs(v); }
    case 3u: { return max(total, v); }
    case 4u: { return min(total, v); }
    case 5u: { return total * v; }
    default: { return total + v; }
  }
}

fn neutral() -> i32 {
  switch FUNCTION {
    case 3u: { return -2147483647 - 1; }
    case 4u: { return 2147483647; }
    case 5u: { return 1; }
    default: { return 0; }
  }
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.count) { return; }
  let base = kept_offset(i);
  var total = neutral();
  for (var j = 0u; j < params.terms; j++) { total = fold(total, x[base + reduced_offset(j)]); }
  y[i] = total;
}
