// top_k.wgsl for long rows: a radix sort of each row of x: [rows, columns] by 8 bits a pass, the lowest first. Stable, so
// that of equal values the first comes first. Blocks of WG_SIZE columns, one a workgroup.
// load: one invocation makes the item (key, place) of one element. The keys' order is the one wanted.
// count: how often each digit occurs in each block, counts: [rows, digits, blocks].
// scan: one workgroup turns the counts of one row into the places where the digits of each block begin.
// move_items: one invocation puts one item behind those of its block with the same digit.
// store: one invocation writes one of the k best.
#import index
#import sort_key

const WG_SIZE: u32 = 256u;
const LARGEST: bool = true;
const WHOLE: bool = false; // i32 instead of f32

struct Params { rows: u32, columns: u32, k: u32, blocks: u32, shift: u32 }

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> before: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> after: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> counts: array<u32>;
@group(0) @binding(4) var<storage, read_write> y: array<u32>;
@group(0) @binding(5) var<storage, read_write> places: array<i32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn load(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.rows * params.columns) { return; }
  let rising = bitcast<u32>(sort_key(x[i], WHOLE, LARGEST)) ^ 0x80000000u;
  after[i] = vec2u(select(rising, ~rising, LARGEST), i % params.columns);
}

var<workgroup> sh_counts: array<atomic<u32>, WG_SIZE>;
var<workgroup> sh_digits: array<u32, WG_SIZE>;

fn digit_of(item: vec2u) -> u32 {
  return (item.x >> params.shift) & 255u;
}

@compute @workgroup_size(WG_SIZE)
fn count(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = flat_group(wg_id, workgroups);
  let row = group / params.blocks;
  let block = group % params.blocks;
  let column = block * WG_SIZE + lane;
  let inside = row < params.rows && column < params.columns;
  atomicStore(&sh_counts[lane], 0u);
  workgroupBarrier();
  if (inside) { atomicAdd(&sh_counts[digit_of(before[row * params.columns + column])], 1u); }
  workgroupBarrier();
  if (row < params.rows) { counts[(row * WG_SIZE + lane) * params.blocks + block] = atomicLoad(&sh_counts[lane]); }
}

@compute @workgroup_size(WG_SIZE)
fn scan(@builtin(workgroup_id) wg_id: vec3u, @builtin(local_invocation_index) lane: u32) {
  let base = (wg_id.x * WG_SIZE + lane) * params.blocks;
  var own = 0u;
  for (var block = 0u; block < params.blocks; block++) { own += counts[base + block]; }
  sh_digits[lane] = own;
  workgroupBarrier();
  var at = 0u;
  for (var digit = 0u; digit < lane; digit++) { at += sh_digits[digit]; }
  for (var block = 0u; block < params.blocks; block++) {
    let here = counts[base + block];
    counts[base + block] = at;
    at += here;
  }
}

@compute @workgroup_size(WG_SIZE)
fn move_items(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let group = flat_group(wg_id, workgroups);
  let row = group / params.blocks;
  let block = group % params.blocks;
  let column = block * WG_SIZE + lane;
  let inside = row < params.rows && column < params.columns;
  var item = vec2u();
  if (inside) { item = before[row * params.columns + column]; }
  let digit = digit_of(item);
  sh_digits[lane] = digit;
  workgroupBarrier();
  if (!inside) { return; }
  var at = counts[(row * WG_SIZE + digit) * params.blocks + block];
  for (var other = 0u; other < lane; other++) { at += select(0u, 1u, sh_digits[other] == digit); }
  after[row * params.columns + at] = item;
}

@compute @workgroup_size(WG_SIZE)
fn store(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.rows * params.k) { return; }
  let row = i / params.k;
  let place = before[row * params.columns + i % params.k].y;
  y[i] = x[row * params.columns + place];
  places[i] = i32(place);
}
