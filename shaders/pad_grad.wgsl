// Gradient of pad.wgsl: one invocation adds up, for one element of x, all elements of dy that are copies of it.
// In a dimension these lie at begin + at and, reflected, at begin - at and begin + 2 last - at; or, at an edge, in
// all of the border.
#import index

const WG_SIZE: u32 = 256u;
const MODE: u32 = 0u;

struct Params {
  count: u32,
  dims: array<vec4u, 2>,
  begins: array<vec4i, 2>,
  sizes: array<vec4i, 2>,
  strides: array<vec4i, 2>,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

// The first padded place that copies element `at`, and how many follow it at distance 1, then single other ones.
fn place(d: i32, at: i32, k: i32) -> i32 {
  let begin = params.begins[d >> 2u][d & 3];
  let last = i32(params.dims[d >> 2u][d & 3]) - 1;
  let size = params.sizes[d >> 2u][d & 3];
  var p = -1;
  if (MODE == 1u) {
    if (k == 0) { p = begin + at; }
    if (k == 1 && at > 0) { p = begin - at; }
    if (k == 2 && at < last) { p = begin + 2 * last - at; }
  } else if (MODE == 2u) {
    // The border before the first element, the element, and the border after the last one, by number.
    let low = select(begin + at, 0, at == 0 && begin > 0);
    let high = select(begin + at, size - 1, at == last && size - 1 > begin + last);
    p = select(-1, low + k, low + k <= high);
  } else if (k == 0) {
    p = begin + at;
  }
  return select(-1, p, p >= 0 && p < size);
}

fn places(d: i32) -> i32 {
  if (MODE == 0u) { return 1; }
  if (MODE == 1u) { return 3; }
  return params.sizes[d >> 2u][d & 3];
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.count) { return; }
  var at: array<i32, 8>;
  var rest = i;
  for (var d = 7i; d >= 0i; d--) {
    let size = params.dims[d >> 2u][d & 3];
    at[d] = i32(rest % size);
    rest /= size;
  }
  // Counts through all combinations of places, the last dimension fastest.
  var k: array<i32, 8>;
  var sum = 0.0;
  loop {
    var source = 0;
    var there = true;
    for (var d = 0i; d < 8i; d++) {
      let p = place(d, at[d], k[d]);
      there = there && p >= 0;
      source += p * params.strides[d >> 2u][d & 3];
    }
    if (there) { sum += dy[source]; }
    var d = 7i;
    loop {
      if (d < 0i) { break; }
      k[d]++;
      if (k[d] < places(d)) { break; }
      k[d] = 0;
      d--;
    }
    if (d < 0i) { break; }
  }
  dx[i] = sum;
}
