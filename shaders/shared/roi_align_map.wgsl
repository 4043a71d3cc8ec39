// Where RoiAlign samples. Along each axis a region is cut into bins, and `grid` samples lie evenly in each bin.
struct RoiAxis {
  start: f32, // in pixels of the feature map, which lie at whole numbers
  bin: f32, // length of a bin
  grid: i32,
}

// The axis of a region from `low` to `high` in pixels of the image. ALIGNED: shifted by half a pixel of the map; else
// regions are at least one pixel long, as in the first version of RoiAlign. sampling 0: a sample a pixel.
fn roi_axis(low: f32, high: f32, scale: f32, bins: u32, sampling: u32, aligned: bool) -> RoiAxis {
  let offset = select(0.0, 0.5, aligned);
  let start = low * scale - offset;
  var extent = high * scale - offset - start;
  if (!aligned) { extent = max(extent, 1.0); }
  let bin = extent / f32(bins);
  return RoiAxis(start, bin, select(i32(sampling), i32(ceil(bin)), sampling == 0u));
}

// Sample number k of a bin.
fn roi_place(axis: RoiAxis, bin: i32, k: i32) -> f32 {
  return axis.start + f32(bin) * axis.bin + (f32(k) + 0.5) * axis.bin / f32(axis.grid);
}

// The two pixels between which a place lies, and the share of the second one.
struct RoiTaps {
  low: i32,
  high: i32,
  share: f32,
  inside: bool, // a place further out than one pixel counts as 0
}

fn roi_taps(place: f32, size: i32) -> RoiTaps {
  let at = max(place, 0.0);
  let low = min(i32(at), size - 1);
  let last = low == size - 1;
  return RoiTaps(low, select(low + 1, low, last), select(at - f32(low), 0.0, last), place >= -1.0 && place <= f32(size));
}
