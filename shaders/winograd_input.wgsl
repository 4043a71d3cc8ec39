// The points B^T x B of every 6 x 6 tile of images [n, h, w, c] (see winograd.wgsl): one invocation takes one vec4 of
// channels of one tile. points: [6 * 6, tiles, c].
#import index
#import rows
#import winograd
#import winograd_tiles
#import winograd_points

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var images: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read_write> points: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

fn load_row(place: TilePlace, row: i32, c: i32) -> Six {
  return input_points(Six(
    load(place, row, 0, c),
    load(place, row, 1, c),
    load(place, row, 2, c),
    load(place, row, 3, c),
    load(place, row, 4, c),
    load(place, row, 5, c),
  ));
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = i32(flat_index(global_id, workgroups, WG_SIZE));
  let c = id % params.vectors;
  let tile = id / params.vectors;
  if (tile >= params.tiles) { return; }
  let place = tile_place(tile);
  let x0 = load_row(place, 0, c);
  let x1 = load_row(place, 1, c);
  let x2 = load_row(place, 2, c);
  let x3 = load_row(place, 3, c);
  let x4 = load_row(place, 4, c);
  let x5 = load_row(place, 5, c);
  store_points(id, 0, input_points(Six(x0.v0, x1.v0, x2.v0, x3.v0, x4.v0, x5.v0)));
  store_points(id, 1, input_points(Six(x0.v1, x1.v1, x2.v1, x3.v1, x4.v1, x5.v1)));
  store_points(id, 2, input_points(Six(x0.v2, x1.v2, x2.v2, x3.v2, x4.v2, x5.v2)));
  store_points(id, 3, input_points(Six(x0.v3, x1.v3, x2.v3, x3.v3, x4.v3, x5.v3)));
  store_points(id, 4, input_points(Six(x0.v4, x1.v4, x2.v4, x3.v4, x4.v4, x5.v4)));
  store_points(id, 5, input_points(Six(x0.v5, x1.v5, x2.v5, x3.v5, x4.v5, x5.v5)));
}
