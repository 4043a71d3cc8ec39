// Bytes to values in [0, 1]: y[4 i + k] = byte k of word i, / 255. x: [words]; y: [4 words], its end is padding.
// One invocation unpacks one word.
#import index

const WG_SIZE: u32 = 256u;

struct Params { words: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.words) { return; }
  let word = x[i];
  y[i] = vec4f(vec4u(word, word >> 8u, word >> 16u, word >> 24u) & vec4u(255u)) / 255.0;
}
