// The k best of each row of x: [rows, columns], in order, with their places: one invocation counts how many elements of
// its row come before its own, and writes it there. Of equal ones the first comes first; NaN comes before all numbers.
#import index
#import sort_key

const WG_SIZE: u32 = 64u;
const LARGEST: bool = true;
const WHOLE: bool = false; // i32 instead of f32

struct Params { rows: u32, columns: u32, k: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<storage, read_write> places: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.rows * params.columns) { return; }
  let row = i / params.columns;
  let column = i - row * params.columns;
  let own = sort_key(x[i], WHOLE, LARGEST);
  var before = 0u;
  for (var j = 0u; j < params.columns; j++) {
    let other = sort_key(x[row * params.columns + j], WHOLE, LARGEST);
    let better = select((other < own), (other > own), LARGEST); // in parentheses: no template list
    before += select(0u, 1u, better || (other == own && j < column));
  }
  if (before < params.k) {
    y[row * params.k + before] = x[i];
    places[row * params.k + before] = i32(column);
  }
}
