// The gradient G^T du G of weights [3 * 3, vectors] from that of their points [slices, 6 * 6, vectors], added over the slices
// of a split sum (see winograd.wgsl): one invocation gives one vec4, at every tap.
#import index
#import rows
#import winograd

const WG_SIZE: u32 = 64u;

struct Params { vectors: u32, slices: u32 }

@group(0) @binding(0) var points: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read_write> dw: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

fn load(point: u32, i: u32) -> vec4f {
  return textureLoad(points, texel_at(point * params.vectors + i));
}

// Row `row` of G^T du.
fn load_row(first: u32, i: u32) -> Three {
  return weight_points_transposed(
    Six(
      load(first, i),
      load(first + 1u, i),
      load(first + 2u, i),
      load(first + 3u, i),
      load(first + 4u, i),
      load(first + 5u, i),
    ),
  );
}

fn plus(a: Three, b: Three) -> Three {
  return Three(a.v0 + b.v0, a.v1 + b.v1, a.v2 + b.v2);
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
  var columns = array<Three, 3>();
  // One loop around all loads: compiled as one for each of them, the kernel takes seconds longer.
  for (var s = 0u; s < params.slices; s++) {
    let u0 = load_row(36u * s, i);
    let u1 = load_row(36u * s + 6u, i);
    let u2 = load_row(36u * s + 12u, i);
    let u3 = load_row(36u * s + 18u, i);
    let u4 = load_row(36u * s + 24u, i);
    let u5 = load_row(36u * s + 30u, i);
    columns[0] = plus(columns[0], weight_points_transposed(Six(u0.v0, u1.v0, u2.v0, u3.v0, u4.v0, u5.v0)));
    columns[1] = plus(columns[1], weight_points_transposed(Six(u0.v1, u1.v1, u2.v1, u3.v1, u4.v1, u5.v1)));
    columns[2] = plus(columns[2], weight_points_transposed(Six(u0.v2, u1.v2, u2.v2, u3.v2, u4.v2, u5.v2)));
  }
  store_column(i, 0u, columns[0]);
  store_column(i, 1u, columns[1]);
  store_column(i, 2u, columns[2]);
}
