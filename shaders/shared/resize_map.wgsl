// Where an output pixel of a resize reads its input, in one dimension.
const LINEAR: bool = false;
const COORDINATES: u32 = 0u; // 0 half_pixel, 1 asymmetric, 2 align_corners, 3 pytorch_half_pixel
const ROUNDING: u32 = 0u; // 0 round_prefer_floor, 1 round_prefer_ceil, 2 floor, 3 ceil

struct Params { n: i32, h: i32, w: i32, c: i32, oh: i32, ow: i32, scale_h: f32, scale_w: f32 }

// The input coordinate of output pixel o; sizes in and out.
fn source(o: i32, size: i32, out: i32, scale: f32) -> f32 {
  switch COORDINATES {
    case 1u: { return f32(o) / scale; }
    case 2u: { return select(0.0, f32(o) * f32(size - 1) / f32(max(out - 1, 1)), out > 1); }
    case 3u: { return select(0.0, (f32(o) + 0.5) / scale - 0.5, out > 1); }
    default: { return (f32(o) + 0.5) / scale - 0.5; }
  }
}

// The nearest pixel of a coordinate.
fn nearest(x: f32, size: i32) -> i32 {
  var i: f32;
  switch ROUNDING {
    case 0u: { i = ceil(x - 0.5); }
    case 1u: { i = floor(x + 0.5); }
    case 2u: { i = floor(x); }
    default: { i = ceil(x); }
  }
  return clamp(i32(i), 0, size - 1);
}

// What output pixel o takes of input pixel i.
fn weight(o: i32, i: i32, size: i32, out: i32, scale: f32) -> f32 {
  let x = source(o, size, out, scale);
  if (!LINEAR) { return select(0.0, 1.0, nearest(x, size) == i); }
  return max(0.0, 1.0 - abs(clamp(x, 0.0, f32(size - 1)) - f32(i)));
}
