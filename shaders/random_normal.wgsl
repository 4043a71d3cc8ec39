// Normal draws, plain or cut: one invocation draws 4 elements of one row.
// rng: [4] = seed lo, seed hi, step, 0; keys: [rows, 2] = sample, variant; y: [rows, width].
#import index
#import philox
#import normal

const WG_SIZE: u32 = 64u;

struct Params {
  rows: u32, width: u32, stream: u32,
  variants: u32, // 1: the draw depends on the variant too
  scale: f32, cut: f32, keep: f32,
}

@group(0) @binding(0) var<storage, read> rng: vec4u;
@group(0) @binding(1) var<storage, read> keys: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  let blocks = (params.width + 3u) / 4u;
  let row = i / blocks;
  if (row >= params.rows) { return; }
  let block = i - row * blocks;
  let key = keys[row];
  let words = philox(vec4u(block, key.x, key.y * params.variants, params.stream), rng.xy);
  let count = min(4u, params.width - 4u * block);
  for (var e = 0u; e < count; e++) {
    y[row * params.width + 4u * block + e] = params.scale * normal_of_word(words[e], params.cut, params.keep);
  }
}
