// Batched matrix product c = a * b, for adapters with fast workgroup memory.
// a: [batch, m, k], or [batch, k, m] with TRANS_A; b: [batch, k, n], or [batch, n, k] with TRANS_B; c: [batch, m, n].
// One workgroup of 8 x 8 invocations computes 64 rows x 64 columns, 16 of k at a time through workgroup memory; each
// invocation holds 8 x 8 in registers. A 4 x 4 block is one mat4x4f: columns of a's are rows of c, columns of b's are k.
// k and n are multiples of 4, and m too with TRANS_A.
#import index
#import tail

const TRANS_A: bool = false;
const TRANS_B: bool = false;
const WG_SIZE: u32 = 64u;

// a_batch and b_batch: elements from one matrix to the next, 0 where all of the batch share one.
struct Params { batch: i32, m: i32, n: i32, k: i32, a_batch: i32, b_batch: i32, sample: i32 }

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
@group(0) @binding(3) var<storage, read> tail_scale: array<vec4f>;
@group(0) @binding(4) var<storage, read> tail_shift: array<vec4f>;
@group(0) @binding(5) var<storage, read> tail_rest: array<vec4f>;
@group(0) @binding(6) var<uniform> params: Params;

// As an operand is stored: [4 vec4 of k][64 rows], a row 65 apart to spread the banks, or [16 k][16 vec4].
var<workgroup> as_tile: array<vec4f, 260>;
var<workgroup> bs_tile: array<vec4f, 260>;

// vec4 number j of row i of a matrix of `rows` rows of 4 * width elements; zero outside.
fn load_a(first: i32, i: i32, j: i32, rows: i32, width: i32) -> vec4f {
  if (i < rows && j < width) {
    return vec4f(a[first + i * width + j]);
  }
  return vec4f();
}

fn load_b(first: i32, i: i32, j: i32, rows: i32, width: i32) -> vec4f {
  if (i < rows && j < width) {
    return vec4f(b[first + i * width + j]);
  }
  return vec4f();
}

// Four rows from m of the tile, vec4 number j of its k.
fn block_a(j: i32, m: i32) -> mat4x4f {
  if (TRANS_A) {
    let i = j * 64 + m / 4;
    return transpose(mat4x4f(as_tile[i], as_tile[i + 16], as_tile[i + 32], as_tile[i + 48]));
  }
  let i = j * 65 + m;
  return mat4x4f(as_tile[i], as_tile[i + 1], as_tile[i + 2], as_tile[i + 3]);
}

// Columns of vec4 n of the tile, vec4 number j of its k.
fn block_b(j: i32, n: i32) -> mat4x4f {
  if (TRANS_B) {
    let i = j * 65 + n * 4;
    return transpose(mat4x4f(bs_tile[i], bs_tile[i + 1], bs_tile[i + 2], bs_tile[i + 3]));
  }
  let i = j * 64 + n;
  return mat4x4f(bs_tile[i], bs_tile[i + 16], bs_tile[i + 32], bs_tile[i + 48]);
}

fn store(batch: i32, m: i32, n: i32, block: mat4x4f) {
  let width = params.n / 4;
  let row = batch * params.m + m;
  let sample = tail_sample(row * width, width);
  let scale = tail_scale_at(sample, width, n);
  let shift = tail_shift_at(sample, width, n);
  if (batch < params.batch && n < width) {
    if (m < params.m) { store_row(row, n, block[0], scale, shift); }
    if (m + 1 < params.m) { store_row(row + 1, n, block[1], scale, shift); }
    if (m + 2 < params.m) { store_row(row + 2, n, block[2], scale, shift); }
    if (m + 3 < params.m) { store_row(row + 3, n, block[3], scale, shift); }
  }
}

fn store_row(row: i32, n: i32, value: vec4f, scale: vec4f, shift: vec4f) {
  let start = row * (params.n / 4);
  c[start + n] = finish(value, scale, shift, tail_rest_at(start, params.n / 4) + n);
}

@compute @workgroup_size(WG_SIZE)
fn main(
  @builtin(workgroup_id) workgroup_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local_index: u32,
) {
  let group = i32(flat_group(workgroup_id, workgroups));
  let lane = i32(local_index);
  let columns = (params.n + 63) / 64;
  let rows = (params.m + 63) / 64;
  let first_n = group % columns * 64;
  let first_m = group / columns % rows * 64;
  let batch = group / (columns * rows);
  let a_first = batch * params.a_batch / 4;
  let b_first = batch * params.b_batch / 4;
  let n = lane % 8;
  let m = lane / 8 * 8;
  var c00 = mat4x4f();
  var c10 = mat4x4f();
  var c01 = mat4x4f();
  var c11 = mat4x4f();
  for (var k = 0; k < params.k; k += 16) {
    for (var i = 0; i < 4; i++) {
      if (TRANS_A) {
        as_tile[lane + 64 * i] =
          load_a(a_first, k + lane / 16 + 4 * i, first_m / 4 + lane % 16, params.k, params.m / 4);
      } else {
        as_tile[lane % 4 * 65 + lane / 4 + 16 * i] =
          load_a(a_first, first_m + lane / 4 + 16 * i, k / 4 + lane % 4, params.m, params.k / 4);
      }
      if (TRANS_B) {
        bs_tile[lane % 4 * 65 + lane / 4 + 16 * i] =
          load_b(b_first, first_n + lane / 4 + 16 * i, k / 4 + lane % 4, params.n, params.k / 4);
      } else {
        bs_tile[lane + 64 * i] =
          load_b(b_first, k + lane / 16 + 4 * i, first_n / 4 + lane % 16, params.k, params.n / 4);
      }
    }
    workgroupBarrier();
    for (var j = 0; j < 4; j++) {
      let a0 = block_a(j, m);
      let a1 = block_a(j, m + 4);
      let b0 = block_b(j, n);
      let b1 = block_b(j, n + 8);
      c00 += b0 * a0;
      c10 += b0 * a1;
      c01 += b1 * a0;
      c11 += b1 * a1;
    }
    workgroupBarrier();
  }
  let column = first_n / 4 + n;
  store(batch, first_m + m, column, c00);
  store(batch, first_m + m + 4, column, c10);
  store(batch, first_m + m, column + 8, c01);
  store(batch, first_m + m + 4, column + 8, c11);
}
