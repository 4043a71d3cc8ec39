// Rows of the contrastive loss. s: [m, m] dot products of the features; labels: [m]. Row i has the positives
// P(i) = {j != i: labels[j] = labels[i]} and
//   loss[i] = scale (log sum_{j != i} exp(s_ij / T) - mean_{p in P(i)} s_ip / T),     0 without a positive,
//   ds[i, j] = d loss[i] / d s_ij = scale / T (softmax_ij - [j in P(i)] / |P(i)|),     0 for j = i.
// One workgroup computes one row. The maximum that is subtracted leaves the row's own product out: it can exceed the
// others by so much that all of them underflow.
#import index
#import workgroup_sum

struct Params { m: u32, temperature: f32, scale: f32 }

@group(0) @binding(0) var<storage, read> s: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<i32>;
@group(0) @binding(2) var<storage, read_write> loss: array<f32>;
@group(0) @binding(3) var<storage, read_write> ds: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = flat_group(wg_id, workgroups);
  let m = select(0u, params.m, i < params.m);
  let base = i * params.m;
  var largest = -3.4028234e38;
  for (var j = lane; j < m; j += 64u) {
    if (j != i) { largest = max(largest, s[base + j]); }
  }
  let top = workgroup_max(largest, lane);
  var exps = 0.0;
  var count = 0.0;
  var positives = 0.0; // sum of s_ip - top
  for (var j = lane; j < m; j += 64u) {
    if (j != i) {
      exps += exp((s[base + j] - top) / params.temperature);
      if (labels[j] == labels[i]) {
        count += 1.0;
        positives += s[base + j] - top;
      }
    }
  }
  let total = workgroup_sum(exps, lane);
  let n = workgroup_sum(count, lane);
  let near = workgroup_sum(positives, lane);
  let weight = select(0.0, params.scale, n > 0.0);
  if (lane == 0u && i < params.m) {
    loss[i] = weight * (log(total) - near / max(n, 1.0) / params.temperature);
  }
  for (var j = lane; j < m; j += 64u) {
    var d = exp((s[base + j] - top) / params.temperature) / total;
    if (labels[j] == labels[i]) { d -= 1.0 / max(n, 1.0); }
    ds[base + j] = select(weight / params.temperature * d, 0.0, j == i);
  }
}
