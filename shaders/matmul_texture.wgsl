// Batched matrix product c = a * b, operands from texture twins.
// a: [batch, m, k], or [batch, k, m] with TRANS_A; b: [batch, k, n], or [batch, n, k] with TRANS_B; c: [batch, m, n].
// One invocation computes 8 rows x TILE vec4 of columns in registers; neighbouring invocations take neighbouring
// columns. A 4 x 4 block is one mat4x4f: columns of a's are rows of c, columns of b's are k.
// k and n are multiples of 4, and m too with TRANS_A; vec4 i of a tensor is texel (i & 4095, i >> 12).
#import index

const TRANS_A: bool = false;
const TRANS_B: bool = false;
const TILE: u32 = 4u; // 1, 2 or 4 vec4 of columns an invocation
const WG_SIZE: u32 = 8u;

// a_batch and b_batch: elements from one matrix to the next, 0 where all of the batch share one.
struct Params { batch: i32, m: i32, n: i32, k: i32, a_batch: i32, b_batch: i32 }

@group(0) @binding(0) var a: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var b: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var<storage, read_write> c: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

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

// Columns of vec4 n, rows of vec4 k.
fn load_b(first: i32, k: i32, n: i32) -> mat4x4f {
  if (TRANS_B) {
    let row = params.k / 4;
    let i = first + n * 4 * row + k;
    return transpose(mat4x4f(texel_b(i), texel_b(i + row), texel_b(i + 2 * row), texel_b(i + 3 * row)));
  }
  let row = params.n / 4;
  let i = first + k * 4 * row + n;
  return mat4x4f(texel_b(i), texel_b(i + row), texel_b(i + 2 * row), texel_b(i + 3 * row));
}

// The TILE vec4 of one row.
fn store_tile(batch: i32, m: i32, n: i32, v0: vec4f, v1: vec4f, v2: vec4f, v3: vec4f) {
  if (m < params.m) {
    let at = (batch * params.m + m) * (params.n / 4) + n;
    let count = min(i32(TILE), params.n / 4 - n);
    c[at] = v0;
    if (count > 1) { c[at + 1] = v1; }
    if (count > 2) { c[at + 2] = v2; }
    if (count > 3) { c[at + 3] = v3; }
  }
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let id = i32(flat_index(global_id, workgroups, WG_SIZE));
  let groups = (params.n / 4 + i32(TILE) - 1) / i32(TILE); // invocations across the columns
  let tiles = (params.m + 7) / 8;
  let n = id % groups * i32(TILE);
  let m = id / groups % tiles * 8;
  let batch = id / (groups * tiles);
  if (batch >= params.batch) {
    return;
  }
  let a_first = batch * params.a_batch / 4;
  let b_first = batch * params.b_batch / 4;
  var c0 = array<mat4x4f, 4>();
  var c1 = array<mat4x4f, 4>();
  for (var k = 0; k < params.k / 4; k++) {
    let a0 = load_a(a_first, m, k);
    let a1 = load_a(a_first, m + 4, k);
    let b0 = load_b(b_first, k, n);
    c0[0] += b0 * a0;
    c1[0] += b0 * a1;
    if (TILE > 1) {
      let b1 = load_b(b_first, k, n + 1);
      c0[1] += b1 * a0;
      c1[1] += b1 * a1;
    }
    if (TILE > 2) {
      let b2 = load_b(b_first, k, n + 2);
      c0[2] += b2 * a0;
      c1[2] += b2 * a1;
      let b3 = load_b(b_first, k, n + 3);
      c0[3] += b3 * a0;
      c1[3] += b3 * a1;
    }
  }
  store_tile(batch, m, n, c0[0][0], c0[1][0], c0[2][0], c0[3][0]);
  store_tile(batch, m + 1, n, c0[0][1], c0[1][1], c0[2][1], c0[3][1]);
  store_tile(batch, m + 2, n, c0[0][2], c0[1][2], c0[2][2], c0[3][2]);
  store_tile(batch, m + 3, n, c0[0][3], c0[1][3], c0[2][3], c0[3][3]);
  store_tile(batch, m + 4, n, c1[0][0], c1[1][0], c1[2][0], c1[3][0]);
  store_tile(batch, m + 5, n, c1[0][1], c1[1][1], c1[2][1], c1[3][1]);
  store_tile(batch, m + 6, n, c1[0][2], c1[1][2], c1[2][2], c1[3][2]);
  store_tile(batch, m + 7, n, c1[0][3], c1[1][3], c1[2][3], c1[3][3]);
}
