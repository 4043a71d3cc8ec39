// A random part of the rows of each image for a loss: of labels [images, rows] (1 positive, 0 negative, else neither) at
// most `positives` positives, and negatives up to `count` rows in all. Rows are ranked by a permutation keyed by the
// step and the image; the first ones of either kind are taken.
// rank: one invocation finds the rank of one row, ranks: [images, rows].
// choose: one workgroup takes the rows of one image. chosen: [images, rows] their labels, -1 for the others;
// places: [images, count] their numbers, positives first, and slots: [images, count] their labels. Slots that are left
// over repeat the rows in turn with slot label -1.
#import index
#import philox
#import permute

const WG_SIZE: u32 = 256u;

struct Params { images: u32, rows: u32, count: u32, positives: u32, half_bits: u32, stream: u32 }

@group(0) @binding(0) var<storage, read> labels: array<i32>;
@group(0) @binding(1) var<storage, read> rng: vec4u;
@group(0) @binding(2) var<storage, read_write> ranks: array<u32>;
@group(0) @binding(3) var<storage, read_write> chosen: array<i32>;
@group(0) @binding(4) var<storage, read_write> places: array<i32>;
@group(0) @binding(5) var<storage, read_write> slots: array<i32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn rank(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.images * params.rows) { return; }
  let keys = philox(vec4u(0u, i / params.rows, rng.z, params.stream), rng.xy);
  ranks[i] = permute(i % params.rows, params.rows, params.half_bits, keys);
}

var<workgroup> sh_counts: array<vec2u, WG_SIZE>;

// Sum of a pair over the workgroup; every invocation gets it.
fn total(value: vec2u, lane: u32) -> vec2u {
  workgroupBarrier(); // the last sum may still be read
  sh_counts[lane] = value;
  workgroupBarrier();
  for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
    if (lane < half) { sh_counts[lane] += sh_counts[lane + half]; }
    workgroupBarrier();
  }
  return sh_counts[0];
}

// (1, 0) for a positive below the first limit, (0, 1) for a negative below the second.
fn counted(i: u32, limits: vec2u) -> vec2u {
  return vec2u(
    select(0u, 1u, labels[i] == 1 && ranks[i] < limits.x),
    select(0u, 1u, labels[i] == 0 && ranks[i] < limits.y),
  );
}

// Positives and negatives of an image below limits of rank.
fn count_below(base: u32, limits: vec2u, lane: u32) -> vec2u {
  var own = vec2u();
  for (var i = lane; i < params.rows; i += WG_SIZE) { own += counted(base + i, limits); }
  return total(own, lane);
}

@compute @workgroup_size(WG_SIZE)
fn choose(@builtin(workgroup_id) wg_id: vec3u, @builtin(local_invocation_index) lane: u32) {
  let image = wg_id.x;
  let base = image * params.rows;
  let there = count_below(base, vec2u(params.rows), lane);
  let positives = min(there.x, params.positives);
  let wanted = vec2u(positives, min(there.y, params.count - positives));
  // The largest limits below which there are too few; one more is enough. Ranks are all different.
  var few = vec2u();
  for (var bit = 1u << (2u * params.half_bits); bit > 0u; bit /= 2u) {
    let next = min(few + bit, vec2u(params.rows));
    few = select(few, next, count_below(base, next, lane) < wanted);
  }
  let limits = select(few + 1u, vec2u(), wanted == vec2u());

  // Each invocation numbers the rows of a stretch, behind those of the stretches before.
  let stretch = (params.rows + WG_SIZE - 1u) / WG_SIZE;
  let first = min(params.rows, lane * stretch);
  let end = min(params.rows, first + stretch);
  var own = vec2u();
  for (var i = first; i < end; i++) { own += counted(base + i, limits); }
  workgroupBarrier();
  sh_counts[lane] = own;
  workgroupBarrier();
  var at = vec2u(0u, wanted.x);
  for (var i = 0u; i < lane; i++) { at += sh_counts[i]; }
  for (var i = first; i < end; i++) {
    let hit = counted(base + i, limits);
    chosen[base + i] = select(-1, labels[base + i], any(hit > vec2u()));
    if (hit.x == 1u) { take(image, at.x, i, 1); }
    if (hit.y == 1u) { take(image, at.y, i, 0); }
    at += hit;
  }
  storageBarrier();
  let taken = wanted.x + wanted.y;
  for (var slot = taken + lane; slot < params.count; slot += WG_SIZE) {
    var place = 0;
    if (taken > 0u) { place = places[image * params.count + slot % taken]; }
    take(image, slot, u32(place), -1);
  }
}

fn take(image: u32, slot: u32, row: u32, label: i32) {
  places[image * params.count + slot] = i32(row);
  slots[image * params.count + slot] = label;
}
