// The points A dy A^T of every 4 x 4 tile of images [n, h, w, c], for the gradient to the weights (see winograd.wgsl):
// one invocation takes one vec4 of channels of one tile. points: [6 * 6, tiles, c].
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
  return output_points_transposed(Four(
    load(place, row, 0, c),
    load(place, row, 1, c),
    load(place, row, 2, c),
    load(place, row, 3, c),
  ));
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = i32(flat_index(global_id, workgroups, WG_SIZE));
  let c = id % params.vectors;
  let tile = id / params.vectors;
  if (tile >= params.tiles) { return; }
  let place = tile_place(tile);
  let y0 = load_row(place, 0, c);
  let y1 = load_row(place, 1, c);
  let y2 = load_row(place, 2, c);
  let y3 = load_row(place, 3, c);
  store_points(id, 0, output_points_transposed(Four(y0.v0, y1.v0, y2.v0, y3.v0)));
  store_points(id, 1, output_points_transposed(Four(y0.v1, y1.v1, y2.v1, y3.v1)));
  store_points(id, 2, output_points_transposed(Four(y0.v2, y1.v2, y2.v2, y3.v2)));
  store_points(id, 3, output_points_transposed(Four(y0.v3, y1.v3, y2.v3, y3.v3)));
  store_points(id, 4, output_points_transposed(Four(y0.v4, y1.v4, y2.v4, y3.v4)));
  store_points(id, 5, output_points_transposed(Four(y0.v5, y1.v5, y2.v5, y3.v5)));
}
