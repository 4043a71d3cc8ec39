// Tiles of a convolution by Winograd, counted [n, tile_rows, tile_columns] and rounded up to a multiple of 4 by empty ones.
struct Params {
  n: i32, h: i32, w: i32, vectors: i32, // images [n, h, w, 4 * vectors] that the kernel reads or writes
  first_h: i32, first_w: i32, // where the first tile begins: negative in the padding
  tile_rows: i32, tile_columns: i32,
  tiles: i32, // with the empty ones
  sample: i32, // see tail.wgsl
}

struct TilePlace { n: i32, h: i32, w: i32 }

fn tile_place(tile: i32) -> TilePlace {
  let row = tile / params.tile_columns;
  let n = row / params.tile_rows;
  return TilePlace(
    n,
    (row - n * params.tile_rows) * 4 + params.first_h,
    (tile - row * params.tile_columns) * 4 + params.first_w,
  );
}
