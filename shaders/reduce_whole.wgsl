// Reduction of whole numbers over any axes: one invocation computes one element of y.
// Axes that stay and axes that go are walked by up to 8 dimensions each, strides in elements.
#import index

const WG_SIZE: u32 = 64u;
const FUNCTION: u32 = 0u; // 0 Sum, 1 SumSquare, 2 L1, 3 Max, 4 Min, 5 Prod

struct Params {
  count: u32,
  terms: u32,
  dims: array<vec4u, 2>,
  strides: array<vec4u, 2>,
  reduced_dims: array<vec4u, 2>,
  reduced_strides: array<vec4u, 2>,
}

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

// Written out, not looped: loop iterations of an invocation are counted together by some adapters.
fn reduced_offset(j: u32) -> u32 {
  let low = params.reduced_dims[1];
  let high = params.reduced_dims[0];
  let a = vec4u(j / (low.w * low.z * low.y), j / (low.w * low.z), j / low.w, j) % low;
  let rest = j / (low.w * low.z * low.y * low.x);
  let b = vec4u(rest / (high.w * high.z * high.y), rest / (high.w * high.z), rest / high.w, rest) % high;
  let terms = a * params.reduced_strides[1] + b * params.reduced_strides[0];
  return terms.x + terms.y + terms.z + terms.w;
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.count) { return; }
  var rest = i;
  var base = 0u;
  for (var d = 7i; d >= 0i; d--) {
    let size = params.dims[d >> 2u][d & 3];
    base += rest % size * params.strides[d >> 2u][d & 3];
    rest /= size;
  }
  var total = neutral();
  for (var j = 0u; j < params.terms; j++) { total = fold(total, x[base + reduced_offset(j)]); }
  y[i] = total;
}
