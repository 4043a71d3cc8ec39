// Rows of unit length: y = x / max(|x|, epsilon), x, y: [rows, columns]. One workgroup normalises one row.
#import index
#import workgroup_sum

struct Params { rows: u32, columns: u32, epsilon: f32 }

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
  let columns = select(0u, params.columns, row < params.rows);
  var squares = 0.0;
  for (var j = lane; j < columns; j += 64u) {
    let v = x[row * params.columns + j];
    squares += v * v;
  }
  let norm = max(sqrt(workgroup_sum(squares, lane)), params.epsilon);
  for (var j = lane; j < columns; j += 64u) {
    y[row * params.columns + j] = x[row * params.columns + j] / norm;
  }
}
