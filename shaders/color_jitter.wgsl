// Colours views and normalises them: one workgroup computes one image, in two walks over its pixels.
// x: [n, pixels, 3] in [0, 1]; views: [n, 16]; y: [n, pixels, 3].
// Changes are made in the order of the row, each clamped to [0, 1] as in torchvision. Contrast needs the mean of
// the gray image as it stands when contrast's turn comes: the first walk sums that. Each comes at most once.
#import index
#import view_params

const WG_SIZE: u32 = 64u; // a power of 2

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

// The changes of one image, in the order they are made.
struct Changes {
  // Of the four turns: p -> saturate(factor * p + (1 - factor) * other), where other is 0, the gray image's mean,
  // or the pixel's gray.
  factor: vec4f,
  to_mean: vec4f, // 1 - factor for contrast, else 0
  to_gray: vec4f, // 1 - factor for saturation, else 0
  contrast_at: u32, // the turn of contrast, 4 for none
  hue_at: u32,
  hue: f32,
}

fn changes_of(view: View) -> Changes {
  var c = Changes(vec4f(1.0), vec4f(0.0), vec4f(0.0), 4u, 4u, view.factors.w);
  for (var k = 0u; k < 4u; k++) {
    switch u32(view.order[k]) {
      case 1u: { c.factor[k] = view.factors.x; }
      case 2u: { c.factor[k] = view.factors.y; c.to_mean[k] = 1.0 - view.factors.y; c.contrast_at = k; }
      case 3u: { c.factor[k] = view.factors.z; c.to_gray[k] = 1.0 - view.factors.z; }
      case 4u: { c.hue_at = k; }
      default: {}
    }
  }
  return c;
}

fn blend(p: vec3f, c: Changes, k: u32, mean: f32) -> vec3f {
  return saturate(c.factor[k] * p + (c.to_mean[k] * mean + c.to_gray[k] * gray_of(p)));
}

// The first `turns` changes of a pixel. Hue stands apart, since it costs more than the rest together and a
// software adapter computes both sides of a branch.
fn color(pixel: vec3f, c: Changes, turns: u32, mean: f32) -> vec3f {
  var p = pixel;
  for (var k = 0u; k < min(c.hue_at, turns); k++) { p = blend(p, c, k, mean); }
  if (c.hue_at < turns) { p = turn_hue(p, c.hue); }
  for (var k = c.hue_at + 1u; k < turns; k++) { p = blend(p, c, k, mean); }
  return p;
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
  let changes = changes_of(views[image]);
  let gray = views[image].more.y != 0.0;
  let base = 3u * image * params.pixels;

  var sum = 0.0;
  if (changes.contrast_at < 4u) {
    for (var i = lane; i < params.pixels; i += WG_SIZE) {
      sum += gray_of(color(load(base + 3u * i), changes, changes.contrast_at, 0.0));
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
    var p = color(load(at), changes, 4u, mean);
    p = select(p, vec3f(gray_of(p)), gray);
    p = (p - params.mean.xyz) * params.inverse_std.xyz;
    y[at] = p.x;
    y[at + 1u] = p.y;
    y[at + 2u] = p.z;
  }
}
