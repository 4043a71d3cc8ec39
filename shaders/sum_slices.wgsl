// Adds the slices of a split sum in their order: y[i] = sum over s of x[s, i]; one vec4 an invocation. Rows of the result
// have `columns` vec4.
#import index
#import tail

const WG_SIZE: u32 = 64u;

struct Params { vectors: u32, slices: u32, columns: i32, sample: i32 }

@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<storage, read> tail_scale: array<vec4f>;
@group(0) @binding(3) var<storage, read> tail_shift: array<vec4f>;
@group(0) @binding(4) var<storage, read> tail_rest: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i < params.vectors) {
    var sum = vec4f();
    for (var s = 0u; s < params.slices; s++) {
      sum += x[s * params.vectors + i];
    }
    let column = i32(i) % params.columns;
    let row = i32(i) - column;
    let sample = tail_sample(row, params.columns);
    let scale = tail_scale_at(sample, params.columns, column);
    let shift = tail_shift_at(sample, params.columns, column);
    y[i] = finish(sum, scale, shift, tail_rest_at(row, params.columns) + column);
  }
}
