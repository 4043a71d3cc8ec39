// Reduction over any axes: one invocation computes one element of y. Blocks of 64 terms are folded on their own
// before they join the result, so that the rounding error of a long sum grows with its square root at most.
// Axes that stay and axes that go are walked by up to 8 dimensions each, strides in elements.
#import index
#import nan
#import reduce_functions

const WG_SIZE: u32 = 64u;

struct Params {
  count: u32,
  terms: u32,
  scale: f32, // 1 / terms for a mean
  dims: array<vec4u, 2>,
  strides: array<vec4u, 2>,
  reduced_dims: array<vec4u, 2>,
  reduced_strides: array<vec4u, 2>,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

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
  for (var start = 0u; start < params.terms; start += 64u) {
    var block = neutral();
    let end = min(start + 64u, params.terms);
    for (var j = start; j < end; j++) {
      block = fold1(block, term(vec4f(x[base + reduced_offset(j)])).x);
    }
    total = fold1(total, block);
  }
  y[i] = total * params.scale;
}
