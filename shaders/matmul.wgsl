// Batched matrix product, plain: one invocation computes one element of c = a * b.
// a: [batch, m, k], or [batch, k, m] with TRANS_A; b: [batch, k, n], or [batch, n, k] with TRANS_B; c: [batch, m, n].
#import index

const TRANS_A: bool = false;
const TRANS_B: bool = false;
const WG_SIZE: u32 = 64u;

// a_batch and b_batch: elements from one matrix to the next, 0 where all of the batch share one.
struct Params { batch: i32, m: i32, n: i32, k: i32, a_batch: i32, b_batch: i32 }

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = i32(flat_index(global_id, workgroups, WG_SIZE));
  if (i >= params.batch * params.m * params.n) {
    return;
  }
  let column = i % params.n;
  let row = i / params.n % params.m;
  let batch = i / (params.n * params.m);
  var at = batch * params.a_batch + select(row * params.k, row, TRANS_A);
  var bt = batch * params.b_batch + select(column, column * params.k, TRANS_B);
  let a_step = select(1, params.m, TRANS_A);
  let b_step = select(params.n, 1, TRANS_B);
  var sum = 0.0;
  for (var k = 0; k < params.k; k++) {
    sum += f32(a[at]) * f32(b[bt]);
    at += a_step;
    bt += b_step;
  }
  c[i] = sum;
}
