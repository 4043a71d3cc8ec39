// The tiles A^T m A of images [n, h, w, c] from their points [6 * 6, tiles, c] (see winograd.wgsl): one invocation gives one
// vec4 of channels of one 4 x 4 tile, or of the part of it inside the image.
#import index
#import rows
#import winograd
#import winograd_tiles
#import tail

const WG_SIZE: u32 = 64u;

@group(0) @binding(0) var points: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read_write> images: array<vec4f>;
@group(0) @binding(2) var<storage, read> tail_scale: array<vec4f>;
@group(0) @binding(3) var<storage, read> tail_shift: array<vec4f>;
@group(0) @binding(4) var<storage, read> tail_rest: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;

fn load_row(at: i32, row: i32) -> Four {
  let plane = params.tiles * params.vectors;
  let i = u32(at + row * 6 * plane);
  let step = u32(plane);
  return output_points(Six(
    textureLoad(points, texel_at(i)),
    textureLoad(points, texel_at(i + step)),
    textureLoad(points, texel_at(i + 2 * step)),
    textureLoad(points, texel_at(i + 3 * step)),
    textureLoad(points, texel_at(i + 4 * step)),
    textureLoad(points, texel_at(i + 5 * step)),
  ));
}

// Column `column` of the 4 x 4 pixels, finished with scale and shift of the channels.
fn store_column(place: TilePlace, column: i32, c: i32, v: Four, scale: vec4f, shift: vec4f) {
  if (place.w + column < params.w) {
    let row = params.w * params.vectors;
    let pixel = ((place.n * params.h + place.h) * params.w + place.w + column) * params.vectors;
    let i = pixel + c;
    let rest = tail_rest_at(pixel, params.vectors) + c;
    images[i] = finish(v.v0, scale, shift, rest);
    if (place.h + 1 < params.h) { images[i + row] = finish(v.v1, scale, shift, rest + row); }
    if (place.h + 2 < params.h) { images[i + 2 * row] = finish(v.v2, scale, shift, rest + 2 * row); }
    if (place.h + 3 < params.h) { images[i + 3 * row] = finish(v.v3, scale, shift, rest + 3 * row); }
  }
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = i32(flat_index(global_id, workgroups, WG_SIZE));
  let c = id % params.vectors;
  let tile = id / params.vectors;
  if (tile >= params.tiles) { return; }
  let place = tile_place(tile);
  if (place.n >= params.n) { return; }
  let sample = tail_sample(place.n * params.h * params.w * params.vectors, params.vectors);
  let scale = tail_scale_at(sample, params.vectors, c);
  let shift = tail_shift_at(sample, params.vectors, c);
  let m0 = load_row(id, 0);
  let m1 = load_row(id, 1);
  let m2 = load_row(id, 2);
  let m3 = load_row(id, 3);
  let m4 = load_row(id, 4);
  let m5 = load_row(id, 5);
  store_column(place, 0, c, output_points(Six(m0.v0, m1.v0, m2.v0, m3.v0, m4.v0, m5.v0)), scale, shift);
  store_column(place, 1, c, output_points(Six(m0.v1, m1.v1, m2.v1, m3.v1, m4.v1, m5.v1)), scale, shift);
  store_column(place, 2, c, output_points(Six(m0.v2, m1.v2, m2.v2, m3.v2, m4.v2, m5.v2)), scale, shift);
  store_column(place, 3, c, output_points(Six(m0.v3, m1.v3, m2.v3, m3.v3, m4.v3, m5.v3)), scale, shift);
}
