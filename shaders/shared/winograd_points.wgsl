// Reading a tile of `images` and writing its 6 x 6 `points`, [6 * 6, tiles, c], which the importing shader binds.
fn load(place: TilePlace, row: i32, column: i32, c: i32) -> vec4f {
  let h = place.h + row;
  let w = place.w + column;
  let inside = place.n < params.n && h >= 0 && h < params.h && w >= 0 && w < params.w;
  let i = select(0, ((place.n * params.h + h) * params.w + w) * params.vectors + c, inside);
  return select(vec4f(), textureLoad(images, texel_at(u32(i))), inside);
}

// Column `column` of the 6 x 6 points.
fn store_points(at: i32, column: i32, v: Six) {
  let row = 6 * params.tiles * params.vectors;
  let i = at + column * params.tiles * params.vectors;
  points[i] = v.v0;
  points[i + row] = v.v1;
  points[i + 2 * row] = v.v2;
  points[i + 3 * row] = v.v3;
  points[i + 4 * row] = v.v4;
  points[i + 5 * row] = v.v5;
}
