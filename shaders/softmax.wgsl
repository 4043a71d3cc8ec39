// Softmax of the rows of x: [rows, columns], or its logarithm. One workgroup computes one row.
#import index
#import workgroup_sum

const LOG: bool = false;

struct Params { rows: u32, columns: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = flat_group(wg_id, workgroups);
  let base = row * params.columns;
  let columns = select(0u, params.columns, row < params.rows);
  var largest = -3.4028234e38;
  for (var j = lane; j < columns; j += 64u) { largest = max(largest, x[base + j]); }
  let top = workgroup_max(largest, lane);
  var sum = 0.0;
  for (var j = lane; j < columns; j += 64u) { sum += exp(x[base + j] - top); }
  let total = workgroup_sum(sum, lane);
  for (var j = lane; j < columns; j += 64u) {
    if (LOG) { y[base + j] = x[base + j] - top - log(total); } else { y[base + j] = exp(x[base + j] - top) / total; }
  }
}
