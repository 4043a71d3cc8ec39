// Register tile of a matrix product, plain or implicit: ROWS rows x TILE vec4 of columns of the result in each
// invocation. A 4 x 4 block is one mat4x4f: its columns are rows of the result, and of the left operand's blocks too;
// columns of the right operand's blocks are steps of the sum. Members are named, and columns reached by constants, since
// a software adapter keeps arrays that are indexed at run time in memory.
// The importing shader defines load_right(i), four steps of the sum of the vec4 of columns at i; place(row), the vec4
// at which a row of the result begins, or NOWHERE where there is no such row; and store(i, value).
#import tail
const ROWS: u32 = 16u; // 8 or 16
const TILE: u32 = 8u; // 1, 2, 4 or 8

const NOWHERE: i32 = -0x40000000; // below zero whatever is added

struct RegisterTile {
  r0: array<mat4x4f, 8>,
  r1: array<mat4x4f, 8>,
  r2: array<mat4x4f, 8>,
  r3: array<mat4x4f, 8>,
}

// Four steps of the sum for ROWS rows.
struct LeftBlocks { b0: mat4x4f, b1: mat4x4f, b2: mat4x4f, b3: mat4x4f }

// Adds left * right, where vec4 `c` of the columns lies at right + c * step.
fn multiply_add(tile: ptr<function, RegisterTile>, left: LeftBlocks, right: i32, step: i32) {
  multiply_add_column(tile, 0, left, load_right(right));
  if (TILE > 1) { multiply_add_column(tile, 1, left, load_right(right + step)); }
  if (TILE > 2) {
    multiply_add_column(tile, 2, left, load_right(right + 2 * step));
    multiply_add_column(tile, 3, left, load_right(right + 3 * step));
  }
  if (TILE > 4) {
    multiply_add_column(tile, 4, left, load_right(right + 4 * step));
    multiply_add_column(tile, 5, left, load_right(right + 5 * step));
    multiply_add_column(tile, 6, left, load_right(right + 6 * step));
    multiply_add_column(tile, 7, left, load_right(right + 7 * step));
  }
}

fn multiply_add_column(tile: ptr<function, RegisterTile>, column: u32, left: LeftBlocks, right: mat4x4f) {
  (*tile).r0[column] += right * left.b0;
  (*tile).r1[column] += right * left.b1;
  if (ROWS > 8) {
    (*tile).r2[column] += right * left.b2;
    (*tile).r3[column] += right * left.b3;
  }
}

// Scale and shift of the tail (tail.wgsl) for the columns of a tile.
struct TailColumns { scale: array<vec4f, 8>, shift: array<vec4f, 8> }

fn tail_columns(sample: i32, columns: i32, column: i32, step: i32) -> TailColumns {
  var tail: TailColumns;
  tail_column(&tail, 0, sample, columns, column);
  if (TILE > 1) { tail_column(&tail, 1, sample, columns, column + step); }
  if (TILE > 2) {
    tail_column(&tail, 2, sample, columns, column + 2 * step);
    tail_column(&tail, 3, sample, columns, column + 3 * step);
  }
  if (TILE > 4) {
    tail_column(&tail, 4, sample, columns, column + 4 * step);
    tail_column(&tail, 5, sample, columns, column + 5 * step);
    tail_column(&tail, 6, sample, columns, column + 6 * step);
    tail_column(&tail, 7, sample, columns, column + 7 * step);
  }
  return tail;
}

fn tail_column(tail: ptr<function, TailColumns>, i: u32, sample: i32, columns: i32, column: i32) {
  (*tail).scale[i] = tail_scale_at(sample, columns, column);
  (*tail).shift[i] = tail_shift_at(sample, columns, column);
}

// Writes the tile whose first row is `row` and whose columns lie `step` vec4 apart from `column` on, of `columns` that a
// row has; rows begin `offset` vec4 after their place. Neighbouring invocations store neighbouring vec4.
fn write_tile(tile: ptr<function, RegisterTile>, row: i32, offset: i32, column: i32, step: i32, columns: i32) {
  let tail = tail_columns(tail_sample(max(place(row) + offset, 0), columns), columns, column, step);
  write_rows((*tile).r0, tail, row, offset, column, step, columns);
  write_rows((*tile).r1, tail, row + 4, offset, column, step, columns);
  if (ROWS > 8) {
    write_rows((*tile).r2, tail, row + 8, offset, column, step, columns);
    write_rows((*tile).r3, tail, row + 12, offset, column, step, columns);
  }
}

fn write_rows(
  blocks: array<mat4x4f, 8>,
  tail: TailColumns,
  first: i32,
  offset: i32,
  column: i32,
  step: i32,
  columns: i32,
) {
  write_row(blocks, 0, tail, place(first) + offset, column, step, columns);
  write_row(blocks, 1, tail, place(first + 1) + offset, column, step, columns);
  write_row(blocks, 2, tail, place(first + 2) + offset, column, step, columns);
  write_row(blocks, 3, tail, place(first + 3) + offset, column, step, columns);
}

fn write_row(
  blocks: array<mat4x4f, 8>,
  row: u32,
  tail: TailColumns,
  start: i32,
  column: i32,
  step: i32,
  columns: i32,
) {
  if (start < 0) { return; }
  let at = start + column;
  let rest = tail_rest_at(start, columns) + column;
  write(tail, 0, at, rest, blocks[0][row]);
  if (TILE > 1 && column + step < columns) { write(tail, 1, at + step, rest + step, blocks[1][row]); }
  if (TILE > 2 && column + 2 * step < columns) { write(tail, 2, at + 2 * step, rest + 2 * step, blocks[2][row]); }
  if (TILE > 2 && column + 3 * step < columns) { write(tail, 3, at + 3 * step, rest + 3 * step, blocks[3][row]); }
  if (TILE > 4 && column + 4 * step < columns) { write(tail, 4, at + 4 * step, rest + 4 * step, blocks[4][row]); }
  if (TILE > 4 && column + 5 * step < columns) { write(tail, 5, at + 5 * step, rest + 5 * step, blocks[5][row]); }
  if (TILE > 4 && column + 6 * step < columns) { write(tail, 6, at + 6 * step, rest + 6 * step, blocks[6][row]); }
  if (TILE > 4 && column + 7 * step < columns) { write(tail, 7, at + 7 * step, rest + 7 * step, blocks[7][row]); }
}

fn write(tail: TailColumns, i: u32, at: i32, rest: i32, value: vec4f) {
  store(at, finish(value, tail.scale[i], tail.shift[i], rest));
}
