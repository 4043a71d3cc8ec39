// Batched matrix product c = a * b, operands from texture twins.
// a: [batch, m, k], or [batch, k, m] with TRANS_A; b: [batch, k, n], or [batch, n, k] with TRANS_B; c: [batch, m, n].
// One invocation computes ROWS rows x TILE vec4 of columns in registers; neighbouring invocations take neighbouring
// columns. With more than one slice the sum over k is cut, the result is [slices, batch, m, n] and sum_slices.wgsl adds.
// k and n are multiples of 4, and m too with TRANS_A; vec4 i of a tensor is texel (i & 4095, i >> 12).
#import index
#import register_tile

const TRANS_A: bool = false;
const TRANS_B: bool = false;
const WG_SIZE: u32 = 16u;

// a_batch and b_batch: elements from one matrix to the next, 0 where all of the batch share one.
struct Params { batch: i32, m: i32, n: i32, k: i32, a_batch: i32, b_batch: i32, slices: i32, sample: i32 }

@group(0) @binding(0) var a: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var b: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
@group(0) @binding(3) var<storage, read> tail_scale: array<vec4f>;
@group(0) @binding(4) var<storage, read> tail_shift: array<vec4f>;
@group(0) @binding(5) var<storage, read> tail_rest: array<vec4f>;
@group(0) @binding(6) var<uniform> params: Params;

fn texel_a(i: i32) -> vec4f {
  return textureLoad(a, vec2i(i & 4095, i >> 12));
}

fn texel_b(i: i32) -> vec4f {
  return textureLoad(b, vec2i(i & 4095, i >> 12));
}

// Rows m to m + 3 of a (the last row again past it), its vec4 number k.
fn load_a(first: i32, m: i32, k: i32) -> mat4x4f {
  if (TRANS_A) {
    let row = params.m / 4;
    let i = first + k * 4 * row + min(m / 4, row - 1);
    return transpose(mat4x4f(texel_a(i), texel_a(i + row), texel_a(i + 2 * row), texel_a(i + 3 * row)));
  }
  let row = params.k / 4;
  let i = first + k;
  let last = params.m - 1;
  return mat4x4f(
    texel_a(i + min(m, last) * row),
    texel_a(i + min(m + 1, last) * row),
    texel_a(i + min(m + 2, last) * row),
    texel_a(i + min(m + 3, last) * row),
  );
}

fn load_left(first: i32, m: i32, k: i32) -> LeftBlocks {
  var rows: LeftBlocks;
  rows.b0 = load_a(first, m, k);
  rows.b1 = load_a(first, m + 4, k);
  if (ROWS > 8) {
    rows.b2 = load_a(first, m + 8, k);
    rows.b3 = load_a(first, m + 12, k);
  }
  return rows;
}

// Four rows of k of the vec4 of columns that begins at i.
fn load_right(i: i32) -> mat4x4f {
  if (TRANS_B) {
    let row = params.k / 4;
    return transpose(mat4x4f(texel_b(i), texel_b(i + row), texel_b(i + 2 * row), texel_b(i + 3 * row)));
  }
  let row = params.n / 4;
  return mat4x4f(texel_b(i), texel_b(i + row), texel_b(i + 2 * row), texel_b(i + 3 * row));
}

fn place(m: i32) -> i32 {
  return select(NOWHERE, m * (params.n / 4), m < params.m);
}

fn store(i: i32, value: vec4f) {
  c[i] = value;
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = i32(flat_index(global_id, workgroups, WG_SIZE));
  let groups = (params.n / 4 + i32(TILE) - 1) / i32(TILE); // invocations across the columns
  let tiles = (params.m + i32(ROWS) - 1) / i32(ROWS);
  let n = id % groups; // and every vec4 of columns that lies a multiple of `groups` on
  let m = id / groups % tiles * i32(ROWS);
  let matrix = id / (groups * tiles); // slice * batch + number in the batch
  if (matrix >= params.batch * params.slices) {
    return;
  }
  let number = matrix % params.batch;
  let a_first = number * params.a_batch / 4;
  let b_first = number * params.b_batch / 4;
  let length = (params.k / 4 + params.slices - 1) / params.slices; // vec4 of k in a slice
  let first = matrix / params.batch * length;
  let end = min(first + length, params.k / 4);
  let step = select(1, params.k, TRANS_B); // from a vec4 of columns to the one beside it
  let row = select(params.n, 1, TRANS_B); // from a vec4 of k to the next
  var tile = RegisterTile();
  for (var k = first; k < end; k++) {
    multiply_add(&tile, load_left(a_first, m, k), b_first + k * row + n * step, groups * step);
  }
  write_tile(&tile, m, matrix * params.m * (params.n / 4), n, groups, params.n / 4);
}
