// Gradient of l2_normalize.wgsl: dx = (dy - y (y . dy)) / |x|; dx = dy / epsilon where |x| <= epsilon.
// One workgroup computes one row of dx.
#import index
#import workgroup_sum

struct Params { rows: u32, columns: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = flat_group(wg_id, workgroups);
  let base = row * params.columns;
  let columns = select(0u, params.columns, row < params.rows);
  var squares = 0.0;
  var dot = 0.0;
  for (var j = lane; j < columns; j += 64u) {
    squares += x[base + j] * x[base + j];
    dot += y[base + j] * dy[base + j];
  }
  let norm = sqrt(workgroup_sum(squares, lane));
  let along = workgroup_sum(dot, lane);
  let clamped = norm <= params.epsilon;
  for (var j = lane; j < columns; j += 64u) {
    dx[base + j] = select((dy[base + j] - y[base + j] * along) / norm, dy[base + j] / params.epsilon, clamped);
  }
}
