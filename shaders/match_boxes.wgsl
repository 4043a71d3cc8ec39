// Which of its image's objects each box is for. boxes: [sets, rows], one set for all images or one each; objects:
// [images, most], of which the first counts[image] are there.
// best: one workgroup finds the largest overlap that one object has with any box, bests: [images, most].
// main: one invocation matches one box: matches: [images, rows] the object of the largest overlap, overlaps that one, and
// labels 1 from `positive` on, 0 below `negative`, -1 between. KEEP_BEST: the boxes that overlap an object most are
// positive whatever the overlap, so that no object is without a box. Equal to within 1e-6: the two passes may round apart.
#import index
#import box_iou

const WG_SIZE: u32 = 64u;
const KEEP_BEST: bool = false;

struct Params { images: u32, rows: u32, most: u32, sets: u32, negative: f32, positive: f32 }

@group(0) @binding(0) var<storage, read> boxes: array<vec4f>;
@group(0) @binding(1) var<storage, read> objects: array<vec4f>;
@group(0) @binding(2) var<storage, read> counts: array<i32>;
@group(0) @binding(3) var<storage, read_write> bests: array<f32>;
@group(0) @binding(4) var<storage, read_write> labels: array<i32>;
@group(0) @binding(5) var<storage, read_write> matches: array<i32>;
@group(0) @binding(6) var<storage, read_write> overlaps: array<f32>;
@group(0) @binding(7) var<uniform> params: Params;

var<workgroup> sh_best: array<f32, WG_SIZE>;

// Where the boxes of an image begin.
fn set_of(image: u32) -> u32 {
  return select(image, 0u, params.sets == 1u) * params.rows;
}

@compute @workgroup_size(WG_SIZE)
fn best(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let i = flat_group(wg_id, workgroups);
  let inside = i < params.images * params.most;
  let image = i / params.most;
  let rows = select(0u, params.rows, inside && i32(i % params.most) < counts[min(image, params.images - 1u)]);
  var largest = 0.0;
  for (var row = lane; row < rows; row += WG_SIZE) {
    largest = max(largest, box_iou(boxes[set_of(image) + row], objects[i]));
  }
  sh_best[lane] = largest;
  workgroupBarrier();
  for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
    if (lane < half) { sh_best[lane] = max(sh_best[lane], sh_best[lane + half]); }
    workgroupBarrier();
  }
  if (lane == 0u && inside) { bests[i] = sh_best[0]; }
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  if (i >= params.images * params.rows) { return; }
  let image = i / params.rows;
  let box = boxes[set_of(image) + i % params.rows];
  var largest = 0.0;
  var object = 0;
  var kept = false;
  for (var k = 0; k < counts[image]; k++) {
    let at = image * params.most + u32(k);
    let overlap = box_iou(box, objects[at]);
    if (overlap > largest) {
      largest = overlap;
      object = k;
    }
    if (KEEP_BEST) { kept = kept || (overlap > 0.0 && overlap >= (1.0 - 1e-6) * bests[at]); }
  }
  matches[i] = object;
  overlaps[i] = largest;
  labels[i] = select(select(-1, 0, largest < params.negative), 1, largest >= params.positive || kept);
}
