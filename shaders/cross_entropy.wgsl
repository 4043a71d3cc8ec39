// Softmax cross-entropy of logits x: [rows, classes] with labels: loss[r] = logsumexp(x[r]) - x[r, label], and its
// gradient dx[r] = softmax(x[r]) - onehot(label). A label outside the classes gives 0 (torch's ignore_index).
// One workgroup computes one row.
#import index
#import workgroup_sum

struct Params { rows: u32, classes: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = flat_group(wg_id, workgroups);
  let base = row * params.classes;
  let inside = row < params.rows;
  let classes = select(0u, params.classes, inside);
  var largest = -3.4028234e38;
  for (var j = lane; j < classes; j += 64u) { largest = max(largest, x[base + j]); }
  let top = workgroup_max(largest, lane);
  var sum = 0.0;
  for (var j = lane; j < classes; j += 64u) { sum += exp(x[base + j] - top); }
  let total = workgroup_sum(sum, lane);
  var label = -1;
  if (inside) { label = labels[row]; }
  let counts = label >= 0 && label < i32(params.classes);
  if (lane == 0u && inside) {
    loss[row] = 0.0;
    if (counts) { loss[row] = log(total) - (x[base + u32(label)] - top); }
  }
  for (var j = lane; j < classes; j += 64u) {
    let p = exp(x[base + j] - top) / total - select(0.0, 1.0, i32(j) == label);
    dx[base + j] = select(0.0, p, counts);
  }
}
