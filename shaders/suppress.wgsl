// Greedy non-maximum suppression of each row of boxes: [rows, n] (x1, y1, x2, y2), best first. A box goes when it
// overlaps one that stays and comes before it by more than `threshold`; those that are not `valid` go and count for
// nothing.
// overlaps: one invocation finds which of 32 boxes box i would take away if it stays, mask: [rows, n, words].
// main: one workgroup decides about one row, 32 boxes at a time: every invocation decides about these, then each takes
// what they take away out of its own words. keep: [rows, n].
#import index
#import box_iou

const WG_SIZE: u32 = 256u;
const MAX_WORDS: u32 = 2048u; // 65,536 boxes a row

struct Params { rows: u32, n: u32, words: u32, threshold: f32 }

@group(0) @binding(0) var<storage, read> boxes: array<vec4f>;
@group(0) @binding(1) var<storage, read> valid: array<u32>;
@group(0) @binding(2) var<storage, read_write> mask: array<u32>;
@group(0) @binding(3) var<storage, read_write> keep: array<u32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn overlaps(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let at = flat_index(global_id, workgroups, WG_SIZE);
  if (at >= params.rows * params.n * params.words) { return; }
  let word = at % params.words;
  let i = at / params.words % params.n;
  let base = at / params.words / params.n * params.n;
  let box = boxes[base + i];
  var bits = 0u;
  let end = min(params.n, 32u * word + 32u);
  for (var j = max(32u * word, i + 1u); j < end; j++) {
    if (box_iou(box, boxes[base + j]) > params.threshold) { bits |= 1u << (j & 31u); }
  }
  mask[at] = bits;
}

var<workgroup> sh_gone: array<u32, MAX_WORDS>;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(workgroup_id) wg_id: vec3u, @builtin(local_invocation_index) lane: u32) {
  let base = wg_id.x * params.n;
  for (var word = lane; word < params.words; word += WG_SIZE) {
    var gone = 0u;
    for (var k = 0u; k < 32u; k++) {
      let i = 32u * word + k;
      if (i >= params.n || valid[base + min(i, params.n - 1u)] == 0u) { gone |= 1u << k; }
    }
    sh_gone[word] = gone;
  }
  workgroupBarrier();
  for (var block = 0u; block < params.words; block++) {
    var stay = ~sh_gone[block];
    for (var left = stay; left != 0u;) {
      let k = firstTrailingBit(left);
      stay &= ~mask[(base + 32u * block + k) * params.words + block];
      left = stay & ~((2u << k) - 1u); // those after k; none after 31, since 2 << 31 is 0
    }
    for (var k = lane; k < 32u; k += WG_SIZE) {
      let i = 32u * block + k;
      if (i < params.n) { keep[base + i] = (stay >> k) & 1u; }
    }
    for (var word = block + 1u + lane; word < params.words; word += WG_SIZE) {
      var gone = sh_gone[word];
      for (var left = stay; left != 0u; left &= left - 1u) {
        gone |= mask[(base + 32u * block + firstTrailingBit(left)) * params.words + word];
      }
      sh_gone[word] = gone;
    }
    workgroupBarrier();
  }
}
