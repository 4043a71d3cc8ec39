// Turns a batch of matrices [batch, rows, columns] into [batch, columns, rows]: one invocation turns one 4 x 4 block,
// read as four texels. Rows and columns are multiples of 4.
#import index

const WG_SIZE: u32 = 64u;

struct Params { blocks: u32, rows4: u32, columns4: u32 }

@group(0) @binding(0) var x: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

fn texel(i: u32) -> vec4f {
  return textureLoad(x, vec2u(i & 4095u, i >> 12u));
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = flat_index(global_id, workgroups, WG_SIZE);
  if (id >= params.blocks) {
    return;
  }
  let row = id % params.rows4;
  let column = id / params.rows4 % params.columns4;
  let batch = id / (params.rows4 * params.columns4);
  let first = batch * params.rows4 * params.columns4 * 4u;
  let i = first + row * 4u * params.columns4 + column;
  let block = transpose(mat4x4f(
    texel(i), texel(i + params.columns4), texel(i + 2u * params.columns4), texel(i + 3u * params.columns4),
  ));
  let j = first + column * 4u * params.rows4 + row;
  y[j] = block[0];
  y[j + params.rows4] = block[1];
  y[j + 2u * params.rows4] = block[2];
  y[j + 3u * params.rows4] = block[3];
}
