// The walk of a reduction over its input: axes that stay and axes that go have up to 8 dimensions each, strides in elements.
struct Params {
  count: u32,
  terms: u32,
  scale: f32, // 1 / terms for a mean of f32
  dims: array<vec4u, 2>,
  strides: array<vec4u, 2>,
  reduced_dims: array<vec4u, 2>,
  reduced_strides: array<vec4u, 2>,
}

// Where element i of the result begins.
fn kept_offset(i: u32) -> u32 {
  var rest = i;
  var offset = 0u;
  for (var d = 7i; d >= 0i; d--) {
    let size = params.dims[d >> 2u][d & 3];
    offset += rest % size * params.strides[d >> 2u][d & 3];
    rest /= size;
  }
  return offset;
}

// How far behind it term j is. Written out, not looped: loop iterations of an invocation are counted together by some
// adapters.
fn reduced_offset(j: u32) -> u32 {
  let low = params.reduced_dims[1];
  let high = params.reduced_dims[0];
  let a = vec4u(j / (low.w * low.z * low.y), j / (low.w * low.z), j / low.w, j) % low;
  let rest = j / (low.w * low.z * low.y * low.x);
  let b = vec4u(rest / (high.w * high.z * high.y), rest / (high.w * high.z), rest / high.w, rest) % high;
  let terms = a * params.reduced_strides[1] + b * params.reduced_strides[0];
  return terms.x + terms.y + terms.z + terms.w;
}
