// Which samples a step sees: one invocation finds the key of one row. Row view * batch + r has position
// step * batch + r in the run. SAMPLES = 0: the sample is the position. Else samples are 0 .. SAMPLES - 1, each once
// an epoch.
// rng: [4] = seed lo, seed hi, step, 0; y: [images * batch, 2] = sample, variant.
#import index
#import philox
#import permute

const WG_SIZE: u32 = 64u;

struct Params {
  batch: u32,
  images: u32, // variants of a sample in a step
  samples: u32,
  shuffle: u32, // 1: another order of the samples in each epoch
  half_bits: u32, // 2^(2 half_bits) >= samples
  neighbors: u32, // variants: one of so many is the first; 0: the step gives it
  shuffle_stream: u32, neighbor_stream: u32,
}

@group(0) @binding(0) var<storage, read> rng: vec4u;
@group(0) @binding(1) var<storage, read_write> y: array<vec2u>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.images * params.batch) { return; }
  let view = i / params.batch;
  let row = i - view * params.batch;
  let step = rng.z;
  let position = step * params.batch + row;
  var sample = position;
  if (params.samples != 0u) {
    sample = position % params.samples;
    if (params.shuffle == 1u) {
      let keys = philox(vec4u(0u, position / params.samples, 0u, params.shuffle_stream), rng.xy);
      sample = permute(sample, params.samples, params.half_bits, keys);
    }
  }
  var variant = step * params.images + view;
  if (params.neighbors != 0u) {
    let first = below(philox(vec4u(0u, row, step, params.neighbor_stream), rng.xy).x, params.neighbors);
    variant = (first + view) % params.neighbors;
  }
  y[i] = vec2u(sample, variant);
}
