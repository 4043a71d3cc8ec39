// Colours views and normalises them: one workgroup computes one image, in two walks over its pixels.
// x: [n, pixels, 3] in [0, 1]; views: [n, 16]; y: [n, pixels, 3].
// Changes are made in the order of the row, each clamped to [0, 1] as in torchvision. Contrast needs the mean of
// the gray image as it stands when contrast's turn comes: the first walk sums that. Contrast comes at most once.
#import index
#import view_params

const WG_SIZE: u32 = 64u;
const CONTRAST: f32 = 2.0;

struct Params { mean: vec4f, inverse_std: vec4f, n: u32, pixels: u32 }

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> views: array<View>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> sh_sums: array<f32, WG_SIZE>;

fn gray_of(p: vec3f) -> f32 {
  return dot(p, vec3f(0.2989, 0.587, 0.114));
}

// Turns the hue by `turn` (1 is a whole turn): to HSV, where s * v = chroma, and back.
fn turn_hue(p: vec3f, turn: f32) -> vec3f {
  let high = max(p.r, max(p.g, p.b));
  let chroma = high - min(p.r, min(p.g, p.b));
  let scale = select(1.0 / chroma, 0.0, chroma == 0.0);
  var hue = 4.0 + (p.r - p.g) * scale;
  if (high == p.r) { hue = (p.g - p.b) * scale; } else if (high == p.g) { hue = 2.0 + (p.b - p.r) * scale; }
  let turned = hue / 6.0 + turn;
  let k = 6.0 * fract(vec3f(5.0, 3.0, 1.0) / 6.0 + turned - floor(turned));
  return high - chroma * saturate(min(k, 4.0 - k));
}

fn change(p: vec3f, kind: f32, factors: vec4f, mean: f32) -> vec3f {
  switch u32(kind) {
    case 1u: { return saturate(factors.x * p); }
    case 2u: { return saturate(factors.y * p + (1.0 - factors.y) * mean); }
    case 3u: { return saturate(factors.z * p + (1.0 - factors.z) * gray_of(p)); }
    case 4u: { return turn_hue(p, factors.w); }
    default: { return p; }
  }
}

fn load(at: u32) -> vec3f {
  return vec3f(x[at], x[at + 1u], x[at + 2u]);
}

@compute @workgroup_size(WG_SIZE)
fn main(
  @builtin(workgroup_id) wg_id: vec3u,
  @builtin(local_invocation_index) lane: u32,
  @builtin(num_workgroups) workgroups: vec3u,
) {
  let image = flat_group(wg_id, workgroups);
  if (image >= params.n) { return; }
  let view = views[image];
  let base = 3u * image * params.pixels;

  var sum = 0.0;
  if (any(view.order == vec4f(CONTRAST))) {
    for (var i = lane; i < params.pixels; i += WG_SIZE) {
      var p = load(base + 3u * i);
      for (var k = 0u; k < 4u && view.order[k] != CONTRAST; k++) { p = change(p, view.order[k], view.factors, 0.0); }
      sum += gray_of(p);
    }
  }
  sh_sums[lane] = sum;
  workgroupBarrier();
  for (var half = WG_SIZE / 2u; half > 0u; half /= 2u) {
    if (lane < half) { sh_sums[lane] += sh_sums[lane + half]; }
    workgroupBarrier();
  }
  let mean = sh_sums[0] / f32(params.pixels);

  for (var i = lane; i < params.pixels; i += WG_SIZE) {
    let at = base + 3u * i;
    var p = load(at);
    for (var k = 0u; k < 4u; k++) { p = change(p, view.order[k], view.factors, mean); }
    p = select(p, vec3f(gray_of(p)), view.more.y != 0.0);
    p = (p - params.mean.xyz) * params.inverse_std.xyz;
    y[at] = p.x;
    y[at + 1u] = p.y;
    y[at + 2u] = p.z;
  }
}
