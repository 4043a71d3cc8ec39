// The gradient G^T du G of weights [3 * 3, vectors] from that of their points [slices, 6 * 6, vectors], the slices of a split
// sum added up (see winograd.wgsl): one invocation gives one vec4, at every tap.
#import index
#import rows
#import winograd

const WG_SIZE: u32 = 64u;

struct Params { vectors: u32, slices: u32 }

@group(0) @binding(0) var points: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read_write> dw: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

fn load(point: u32, i: u32) -> vec4f {
  var sum = vec4f();
  for (var s = 0u; s < params.slices; s++) {
    sum += textureLoad(points, texel_at((s * 36u + point) * params.vectors + i));
  }
  return sum;
}

fn load_row(row: u32, i: u32) -> Three {
  let p = 6u * row;
  return weight_points_transposed(
    Six(load(p, i), load(p + 1u, i), load(p + 2u, i), load(p + 3u, i), load(p + 4u, i), load(p + 5u, i)),
  );
}

// Column `column` of the 3 x 3 taps.
fn store_column(i: u32, column: u32, v: Three) {
  let at = i + column * params.vectors;
  dw[at] = v.v0;
  dw[at + 3u * params.vectors] = v.v1;
  dw[at + 6u * params.vectors] = v.v2;
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.vectors) { return; }
  let u0 = load_row(0u, i);
  let u1 = load_row(1u, i);
  let u2 = load_row(2u, i);
  let u3 = load_row(3u, i);
  let u4 = load_row(4u, i);
  let u5 = load_row(5u, i);
  store_column(i, 0u, weight_points_transposed(Six(u0.v0, u1.v0, u2.v0, u3.v0, u4.v0, u5.v0)));
  store_column(i, 1u, weight_points_transposed(Six(u0.v1, u1.v1, u2.v1, u3.v1, u4.v1, u5.v1)));
  store_column(i, 2u, weight_points_transposed(Six(u0.v2, u1.v2, u2.v2, u3.v2, u4.v2, u5.v2)));
}
