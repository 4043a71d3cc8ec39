// Cuts a box out of each image, resizes it and flips it: one invocation computes one pixel.
// x: [n, h, w, CHANNELS]; views: [n, 16]; y: [n, oh, ow, 3]; gray images get three equal channels.
// Bilinear with half-pixel centres; with antialias the triangle widens with the reduction, as in PIL and in
// torch interpolate(antialias=True). Weights of the taps inside the box are brought to a sum of 1.
#import index
#import view_params

const WG_SIZE: u32 = 64u;
const CHANNELS: u32 = 3u;

struct Params { n: u32, h: u32, w: u32, oh: u32, ow: u32, antialias: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> views: array<View>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// Pixels first .. end - 1 of `size`, weighed by their distance from the centre of output pixel `at` of `count`.
struct Taps { first: i32, end: i32, center: f32, sharpness: f32 }

fn taps(at: u32, size: i32, count: u32) -> Taps {
  let scale = f32(size) / f32(count);
  let center = (f32(at) + 0.5) * scale;
  let support = select(1.0, max(1.0, scale), params.antialias == 1u);
  let first = clamp(i32(center - support + 0.5), 0, size - 1);
  return Taps(first, clamp(i32(center + support + 0.5), first + 1, size), center, 1.0 / support);
}

fn weight(t: Taps, i: i32) -> f32 {
  return max(0.0, 1.0 - abs(f32(i) + 0.5 - t.center) * t.sharpness);
}

@compute @workgroup_size(WG_SIZE)
fn main(@builtin(global_invocation_id) global_id: vec3u, @builtin(num_workgroups) workgroups: vec3u) {
  let pixel = flat_index(global_id, workgroups, WG_SIZE);
  let row = pixel / params.ow;
  let column = pixel - row * params.ow;
  let image = row / params.oh;
  if (image >= params.n) { return; }
  let box = inside(views[image].box, i32(params.h), i32(params.w));
  let flip = views[image].more.x != 0.0;
  let rows = taps(row - image * params.oh, box.z, params.oh);
  let columns = taps(select(column, params.ow - 1u - column, flip), box.w, params.ow);
  var sum = vec3f(0.0);
  var norm = 0.0;
  for (var r = rows.first; r < rows.end; r++) {
    let base = (image * params.h + u32(box.x + r)) * params.w + u32(box.y);
    let row_weight = weight(rows, r);
    for (var c = columns.first; c < columns.end; c++) {
      let w = row_weight * weight(columns, c);
      let at = (base + u32(c)) * CHANNELS;
      norm += w;
      if (CHANNELS == 1u) { sum.x += w * x[at]; } else { sum += w * vec3f(x[at], x[at + 1u], x[at + 2u]); }
    }
  }
  let value = select(sum, sum.xxx, CHANNELS == 1u) / norm;
  y[3u * pixel] = value.x;
  y[3u * pixel + 1u] = value.y;
  y[3u * pixel + 2u] = value.z;
}
