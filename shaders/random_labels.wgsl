// A class for each sample, drawn from a list: one workgroup writes one row.
// rng: [4] = seed lo, seed hi, step, 0; keys: [rows, 2] = sample, variant; choices: [choices];
// labels: [rows]; one_hot: [rows, classes].
#import index
#import philox

const WG_SIZE: u32 = 64u;

struct Params { rows: u32, classes: u32, choices: u32, stream: u32 }

@group(0) @binding(0) var<storage, read> rng: vec4u;
@group(0) @binding(1) var<storage, read> keys: array<vec2u>;
@group(0) @binding(2) var<storage, read> choices: array<i32>;
@group(0) @binding(3) var<storage, read_write> labels: array<i32>;
@group(0) @binding(4) var<storage, read_write> one_hot: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(num_workgroups) workgroups: vec3u,
) {
  let row = flat_group(wg_id, workgroups);
  if (row >= params.rows) { return; }
  let words = philox(vec4u(0u, keys[row].x, 0u, params.stream), rng.xy);
  let label = choices[below(words.x, params.choices)];
  if (lane == 0u) { labels[row] = label; }
  for (var c = lane; c < params.classes; c += WG_SIZE) {
    one_hot[row * params.classes + c] = select(0.0, 1.0, i32(c) == label);
  }
}
