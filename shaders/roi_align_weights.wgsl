// The bilinear weights of roi_align.wgsl: that of a pixel in a bin is a product of one along each axis. One invocation
// finds what one line (a row of the map, or a column behind the rows) weighs in each bin of its axis of one region,
// weights: [rois, h + w, max(ph, pw)], and which bins it reaches, ranges: [rois, h + w] = first | count << 16.
#import index
#import roi_align_map

const WG_SIZE: u32 = 64u;
const ALIGNED: bool = true;

struct Params { rois: u32, h: i32, w: i32, ph: u32, pw: u32, sampling: u32, scale: f32 }

@group(0) @binding(0) var<storage, read> rois: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> ranges: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let i = flat_index(global_id, workgroups, WG_SIZE);
  let lines = u32(params.h + params.w);
  if (i >= params.rois * lines) { return; }
  let roi = rois[i / lines];
  var at = i32(i % lines);
  var size = params.h;
  var bins = params.ph;
  var low = roi.y;
  var high = roi.w;
  if (at >= params.h) {
    at -= params.h;
    size = params.w;
    bins = params.pw;
    low = roi.x;
    high = roi.z;
  }
  let axis = roi_axis(low, high, params.scale, bins, params.sampling, ALIGNED);
  let stride = max(params.ph, params.pw);
  var first = bins;
  var end = 0u;
  for (var bin = 0u; bin < bins; bin++) {
    var sum = 0.0;
    for (var k = 0; k < axis.grid; k++) {
      let taps = roi_taps(roi_place(axis, i32(bin), k), size);
      if (!taps.inside) { continue; }
      sum += select(0.0, 1.0 - taps.share, taps.low == at) + select(0.0, taps.share, taps.high == at);
    }
    weights[i * stride + bin] = sum / f32(max(axis.grid, 1));
    if (sum != 0.0) {
      first = min(first, bin);
      end = bin + 1u;
    }
  }
  ranges[i] = select(first | ((end - first) << 16u), 0u, end == 0u);
}
