// y = data [lines, size, inner], combined with updates [lines, count, inner] at places [lines, count] in their order:
// one invocation computes one element of y and looks at all updates of its line.
// REDUCTION: 0 none (the last update counts), 1 add, 2 mul, 3 max, 4 min. WHOLE: i32 instead of f32.
#import index

const WG_SIZE: u32 = 256u;
const REDUCTION: u32 = 0u;
const WHOLE: bool = false;

struct Params { lines: u32, size: u32, inner: u32, count: u32 }

@group(0) @binding(0) var<storage, read> data: array<u32>;
@group(0) @binding(1) var<storage, read> places: array<i32>;
@group(0) @binding(2) var<storage, read> updates: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<u32>;
@group(0) @binding(4) var<uniform> params: Params;

fn combine_whole(a: i32, b: i32) -> i32 {
  switch REDUCTION {
    case 1u: { return a + b; }
    case 2u: { return a * b; }
    case 3u: { return max(a, b); }
    default: { return min(a, b); }
  }
}

fn combine_real(a: f32, b: f32) -> f32 {
  switch REDUCTION {
    case 1u: { return a + b; }
    case 2u: { return a * b; }
    case 3u: { return max(a, b); }
    default: { return min(a, b); }
  }
}

fn combine(a: u32, b: u32) -> u32 {
  if (REDUCTION == 0u) { return b; }
  if (WHOLE) { return bitcast<u32>(combine_whole(bitcast<i32>(a), bitcast<i32>(b))); }
  return bitcast<u32>(combine_real(bitcast<f32>(a), bitcast<f32>(b)));
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.lines * params.size * params.inner) { return; }
  let at = i % params.inner;
  let place = i32(i / params.inner % params.size);
  let line = i / params.inner / params.size;
  var value = data[i];
  for (var k = 0u; k < params.count; k++) {
    let update = line * params.count + k;
    if (places[update] == place) { value = combine(value, updates[update * params.inner + at]); }
  }
  y[i] = value;
}
